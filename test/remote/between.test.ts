// Proxies between a client and the server, and strangers in its place: a proxy's own pages, other
// protocols, responses that never end.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createTcp } from 'node:net'
import t, { type Test } from 'tap'
import { codeOf, dotdog, pause, remoteStore, until } from './setup.js'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** An HTTP server that answers with `handler`, and a dog that takes it for a dotdog server. */
async function startStranger(t: Test, handler: Handler) {
  const stranger = { handler, requests: [] as string[] }
  const server = createServer((request, response) => {
    stranger.requests.push(`${request.method} ${request.url}`)
    stranger.handler(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const store = remoteStore({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  const dog = dotdog.createDog({ store })
  t.teardown(async () => {
    await dog.close()
    await store.close()
    server.closeAllConnections()
    server.close()
  })
  return Object.assign(stranger, { dog, store })
}

const responds =
  (status: number, body: string): Handler =>
  (_request, response) => {
    response.statusCode = status
    response.end(body)
  }

/** Responds with a value. A long poll gets no response. */
const respondsWithValue =
  (
    value: string,
    { generation = 7, expiresAt = Date.now() + 7_200_000 }: { generation?: unknown; expiresAt?: unknown } = {},
  ): Handler =>
  (request, response) => {
    if (!request.url?.includes('since')) response.end(JSON.stringify({ key: 'K', value, expiresAt, generation }))
  }

t.test("a proxy's own 404 or 504 does not mean that a value is missing; the server's does", async (t) => {
  const here = await startStranger(t, respondsWithValue('a value'))
  t.equal(await here.dog.get('K'), 'a value')
  for (const status of [404, 504, 502, 200]) {
    here.handler = responds(status, '<html>no such page</html>')
    // The dog does not repeat a read that failed at once.
    here.requests.length = 0
    await until(() => here.dog.get('K').then((value) => t.equal(value, 'a value', `${status}`) && here.requests.length > 0))
  }
  t.equal(await codeOf(here.dog.get('OTHER')), 'ERR_DOG_STORE', 'the server did not say that it has no such key')
  here.handler = responds(404, '{"code":"unknown_key"}')
  await until(async () => (await codeOf(here.dog.get('K'))) === 'ERR_DOG_NO_FETCHER')
})

t.test('a response that switches to another protocol fails at once', async (t) => {
  const server = createTcp((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const store = remoteStore({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  t.teardown(async () => {
    await store.close()
    server.close()
  })
  t.equal(await codeOf(dotdog.createDog({ store }).get('K')), 'ERR_DOG_STORE')
})

t.test('a response that drips or stalls delays a get no longer than any other wait', async (t) => {
  const here = await startStranger(t, (request, response) => {
    if (request.headers['cache-control'] !== undefined) {
      setTimeout(() => responds(504, '{"code":"not_cached"}')(request, response), 1900)
      return
    }
    response.write('{"key":"')
    const drip = setInterval(() => response.write('x'), 100)
    response.on('close', () => clearInterval(drip))
  })
  here.dog.init('K', () => ({ value: 'never', expiresIn: 1 }), { timeout: 1 })
  const begun = performance.now()
  t.equal(await codeOf(here.dog.get('K')), 'ERR_DOG_WAIT_TIMEOUT')
  const ms = performance.now() - begun
  t.ok(ms < 5500, `${Math.round(ms)} ms: the wait ends after 4000, not after 5900`)
})

t.test('a response that no dotdog server gives is not a record', async (t) => {
  for (const more of [{ generation: 0 }, { generation: -1 }, { generation: 1.5 }, { generation: '7' }, { expiresAt: null }]) {
    const here = await startStranger(t, respondsWithValue('a value', more))
    t.equal(await codeOf(here.dog.get('K')), 'ERR_DOG_STORE', JSON.stringify(more))
  }
  const here = await startStranger(t, responds(200, '{"key":"K","value":"a value","expiresAt":1e999,"generation":7}'))
  t.equal(await codeOf(here.dog.get('K')), 'ERR_DOG_STORE', 'an expiry that is not finite')
  for (const keys of ['[null]', '[{"key":1}]', '{}', 'null']) {
    here.handler = responds(200, `{"keys":${keys}}`)
    t.equal(await codeOf(here.dog.status()), 'ERR_DOG_STORE', keys)
  }
})

t.test('a long poll that is answered without a wait is not repeated at once', async (t) => {
  const here = await startStranger(t, respondsWithValue('a value'))
  for (const handler of [responds(304, ''), respondsWithValue('a value')]) {
    await here.dog.get('K')
    here.handler = (request, response) => {
      request.url = String(request.url).replace(/\?.*/, '')
      handler(request, response)
    }
    await pause(120)
    await here.dog.get('K')
    here.requests.length = 0
    await pause(1500)
    const polls = here.requests.filter((line) => line.includes('since')).length
    t.ok(polls <= 4, `${polls} in 1.5 s`)
  }
})
