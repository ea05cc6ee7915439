import { connect } from 'node:net'
import t from 'tap'
import { ask, newClient, pause, served, targetOf } from './setup.js'

t.test('A poll answers at once if the generation differs, otherwise when a new generation is stored', async (t) => {
  const { ask, dog } = await served(t)
  const { generation } = (await ask('/v1/keys/TOKEN')).json
  t.equal((await ask(`/v1/keys/TOKEN?since=${(generation as number) - 1}&wait=30`)).status, 200)
  t.equal((await ask(`/v1/keys/TOKEN?since=${generation}`)).status, 304)
  const waiting = ask(`/v1/keys/TOKEN?since=${generation}&wait=30`)
  await pause(100)
  await dog.set('TOKEN', 'another', { expiresIn: 60 })
  const reply = await waiting
  t.equal(reply.json.value, 'another')
  t.ok(reply.ms >= 90 && reply.ms < 10_000)
})

t.test('A poll without a change ends with 304 and is no longer counted as open', async (t) => {
  const { ask } = await served(t)
  const { generation } = (await ask('/v1/keys/TOKEN')).json
  const reply = await ask(`/v1/keys/TOKEN?since=${generation}&wait=0.3`)
  t.equal(reply.status, 304)
  t.equal(reply.headers.etag, `"${generation}"`)
  t.match((await ask('/metrics')).text, /^dotdog_open_polls 0$/m)
})

t.test('A malformed since or wait is refused with 400', async (t) => {
  const { ask } = await served(t)
  for (const query of [
    'since=x',
    'since=-1',
    'since=1&wait=61',
    'since=1&wait=-1',
    'since=1&wait=1e1',
    'since=1&since=2',
    'since=99999999999999999',
  ]) {
    t.equal((await ask(`/v1/keys/TOKEN?${query}`)).status, 400, query)
  }
})

t.test('Keys are refreshed although clients only use long polls', async (t) => {
  const { ask, upstream } = await served(t)
  upstream.expiresIn = 1
  let { generation } = (await ask('/v1/keys/TOKEN')).json
  for (let round = 2; round <= 4; round++) {
    const reply = await ask(`/v1/keys/TOKEN?since=${generation}&wait=20`)
    t.equal(reply.json.value, `secret-${round}-of-the-upstream`)
    t.ok((reply.json.expiresAt as number) > Date.now())
    generation = reply.json.generation
  }
})

t.test('A poll is answered with the error when its value expires and cannot be fetched', async (t) => {
  const { ask, upstream } = await served(t)
  upstream.expiresIn = 0.5
  const { generation } = (await ask('/v1/keys/TOKEN')).json
  upstream.fail = new Error('the upstream is down')
  const reply = await ask(`/v1/keys/TOKEN?since=${generation}&wait=20`)
  t.equal(reply.status, 503)
  t.equal(reply.json.code, 'ERR_DOG_FETCH')
})

t.test('A poll whose client disconnects is no longer counted as open', async (t) => {
  const { ask, address } = await served(t)
  const { generation } = (await ask('/v1/keys/TOKEN')).json
  const sockets = Array.from({ length: 5 }, () => connect((targetOf(address) as { socketPath: string }).socketPath))
  for (const socket of sockets) socket.write(`GET /v1/keys/TOKEN?since=${generation}&wait=60 HTTP/1.1\r\nHost: x\r\n\r\n`)
  const open = async () => Number(/^dotdog_open_polls (\d+)$/m.exec((await ask('/metrics')).text)![1])
  while ((await open()) < 5) await pause(10)
  for (const socket of sockets) socket.destroy()
  const gone = performance.now() + 20_000
  while ((await open()) > 0 && performance.now() < gone) await pause(10)
  t.equal(await open(), 0)
})

t.test('A thousand open polls need little memory, and a refresh answers all of them', async (t) => {
  const some = newClient('some')
  const { address, dog, ask: askIt } = await served(t, { clients: [some.config] })
  const { generation } = (await askIt('/v1/keys/TOKEN', some)).json
  const http = await import('node:http')
  const agent = new http.Agent({ maxSockets: 1100 })
  const before = process.memoryUsage().rss
  const asked = { token: some.token, agent }
  const replies = Array.from({ length: 1000 }, async () => {
    const reply = await ask(address, `/v1/keys/TOKEN?since=${generation}&wait=60`, asked)
    return { reply, at: performance.now() }
  })
  while (!/^dotdog_open_polls 1000$/m.test((await askIt('/metrics', some)).text)) await pause(20)
  // The thousand clients also live in this process.
  const cost = (process.memoryUsage().rss - before) / 2 ** 20
  let changedAt = 0
  dog.on('refresh', () => (changedAt = performance.now()))
  await dog.refresh('TOKEN')
  const woken = await Promise.all(replies)
  const last = Math.max(...woken.map(({ at }) => at)) - changedAt
  t.comment(`1000 polls and their clients: ${cost.toFixed(1)} MiB; the last one woke after ${last.toFixed(0)} ms`)
  t.ok(woken.every(({ reply }) => reply.json.value === 'secret-2-of-the-upstream'))
  t.ok(last < 5000)
  t.ok(cost < 256)
})
