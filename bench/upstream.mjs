// An upstream on the loopback interface. It answers after a delay, and records the times of requests
// and answers.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { clock } from './measure.mjs'

export async function startUpstream(delayMs) {
  const asked = []
  const answered = []
  const waiting = []
  const server = createServer((_request, response) => {
    asked.push(clock())
    waiting.shift()?.(asked.at(-1))
    setTimeout(() => {
      answered.push(clock())
      response.end(JSON.stringify({ access_token: `token-${answered.length}`, expires_in: 7200 }))
    }, delayMs)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: server.address().port,
    asked,
    answered,
    /** Resolves at the next request, with its time. */
    next: () => new Promise((resolve) => waiting.push(resolve)),
    forget() {
      asked.length = 0
      answered.length = 0
      waiting.length = 0
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
