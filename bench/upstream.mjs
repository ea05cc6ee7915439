// An upstream on loopback: answers after a while, and notes when it was asked and when it answered.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { clock } from './measure.mjs'

export async function startUpstream(delay) {
  const asked = []
  const answered = []
  const waiting = []
  const server = createServer((_request, response) => {
    asked.push(clock())
    waiting.shift()?.(asked.at(-1))
    setTimeout(() => {
      answered.push(clock())
      response.end(JSON.stringify({ access_token: `token-${answered.length}`, expires_in: 7200 }))
    }, delay)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: server.address().port,
    asked,
    answered,
    /** When the next request comes. */
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
