// A local upstream that gives tokens, tickets and answers, and the default dog's calls. ACCESS_TOKEN is registered.
const http = require('node:http')

module.exports = async (load) => {
  let count = 0
  const answers = {
    '/token': () => ({ access_token: `token-${++count}`, expires_in: 7200 }),
    '/ticket': () => ({ ticket: `ticket-${++count}`, expires_in: 3600 }),
    '/api': () => ({ ok: true }),
  }
  const server = http.createServer((request, response) => {
    const answer = answers[request.url.split('?')[0]]
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer?.() ?? {}))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${server.address().port}`

  const { init, get, use } = load('dotdog')
  const fetchToken = async () => {
    const { access_token: value, expires_in: expiresIn } = await (await fetch(`${base}/token`)).json()
    return { value, expiresIn }
  }
  const request = async (url, callback) => {
    const response = await fetch(url)
    callback(null, response, await response.json())
  }
  init('ACCESS_TOKEN', fetchToken)
  return {
    names: { url: `${base}/token`, ticketUrl: `${base}/ticket`, apiUrl: `${base}/api`, request, fetchToken, init, get, use },
    end: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
