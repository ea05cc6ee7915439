// What stands between a client and the server, or answers in its place: a proxy's pages, other protocols, answers that never end.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createTcp } from 'node:net'
import t, { type Test } from 'tap'
import { codeOf, dotdog, pause, remoteStore, until } from './setup.js'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** Something that answers as it likes, and a dog that takes it for its server. */
async function pretended(t: Test, answer: Answer) {
  const place = { answer, requests: [] as string[] }
  const server = createServer((request, response) => {
    place.requests.push(`${request.method} ${request.url}`)
    place.answer(request, response)
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
  return Object.assign(place, { dog, store })
}

const problem =
  (status: number, body: string): Answer =>
  (_request, response) => {
    response.statusCode = status
    response.end(body)
  }

/** A value, to who asks for it; a long poll waits. */
const valued =
  (
    value: string,
    { generation = 7, expiresAt = Date.now() + 7_200_000 }: { generation?: unknown; expiresAt?: unknown } = {},
  ): Answer =>
  (request, response) => {
    if (!request.url?.includes('since')) response.end(JSON.stringify({ key: 'K', value, expiresAt, generation }))
  }

t.test("a proxy's own 404 and 504 say nothing of a value; the server's do", async (t) => {
  const here = await pretended(t, valued('a value'))
  t.equal(await here.dog.get('K'), 'a value')
  for (const status of [404, 504, 502, 200]) {
    here.answer = problem(status, '<html>no such page</html>')
    // A read that failed is not asked again at once.
    here.requests.length = 0
    await until(() => here.dog.get('K').then((value) => t.equal(value, 'a value', `${status}`) && here.requests.length > 0))
  }
  t.equal(await codeOf(here.dog.get('OTHER')), 'ERR_DOG_STORE', 'nor is it the server that has no such key')
  here.answer = problem(404, '{"code":"unknown_key"}')
  await until(async () => (await codeOf(here.dog.get('K'))) === 'ERR_DOG_NO_FETCHER')
})

t.test('an answer in another protocol ends at once', async (t) => {
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

t.test('an answer that drips, or stalls, takes a get no longer than any other wait', async (t) => {
  const here = await pretended(t, (request, response) => {
    if (request.headers['cache-control'] !== undefined) {
      setTimeout(() => problem(504, '{"code":"not_cached"}')(request, response), 1900)
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
  t.ok(ms < 5500, `${Math.round(ms)} ms, of 4000 and not of 5900`)
})

t.test('what no server of ours says is no record', async (t) => {
  for (const more of [{ generation: 0 }, { generation: -1 }, { generation: 1.5 }, { generation: '7' }, { expiresAt: null }]) {
    const here = await pretended(t, valued('a value', more))
    t.equal(await codeOf(here.dog.get('K')), 'ERR_DOG_STORE', JSON.stringify(more))
  }
  const here = await pretended(t, problem(200, '{"key":"K","value":"a value","expiresAt":1e999,"generation":7}'))
  t.equal(await codeOf(here.dog.get('K')), 'ERR_DOG_STORE', 'a time without end')
  for (const keys of ['[null]', '[{"key":1}]', '{}', 'null']) {
    here.answer = problem(200, `{"keys":${keys}}`)
    t.equal(await codeOf(here.dog.status()), 'ERR_DOG_STORE', keys)
  }
})

t.test('a long poll that is answered without a wait is not sent again and again', async (t) => {
  const here = await pretended(t, valued('a value'))
  for (const answer of [problem(304, ''), valued('a value')]) {
    await here.dog.get('K')
    here.answer = (request, response) => {
      request.url = String(request.url).replace(/\?.*/, '')
      answer(request, response)
    }
    await pause(120)
    await here.dog.get('K')
    here.requests.length = 0
    await pause(1500)
    const polls = here.requests.filter((line) => line.includes('since')).length
    t.ok(polls <= 4, `${polls} in 1.5 s`)
  }
})
