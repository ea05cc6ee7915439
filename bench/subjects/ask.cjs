// One request to the upstream, as small as possible, and the same for every subject.
const http = require('node:http')

module.exports = (port) =>
  new Promise((resolve, reject) => {
    const request = http.get({ port, host: '127.0.0.1', agent: false }, (response) => {
      let text = ''
      response.on('data', (data) => {
        text += data
      })
      response.on('end', () => resolve(JSON.parse(text)))
    })
    request.on('error', reject)
  })
