import t from 'tap'
import type { LogEntry } from '../../src/server/index.js'
import { newClient, served } from './setup.js'

t.test('A log function that throws does not end the server', async (t) => {
  const it = await served(t, {
    log: () => {
      throw new Error('disk full')
    },
  })
  for (let i = 0; i < 3; i++) t.equal((await it.ask('/healthz')).status, 200)
})

t.test('Refusing a malformed path takes time linear in its length, not quadratic', async (t) => {
  const some = newClient('some')
  const it = await served(t, { clients: [some.config] })
  await it.ask('/healthz')
  const took = async (length: number) => {
    const all = []
    for (let i = 0; i < 5; i++) {
      const { status, ms } = await it.ask(`/${'?'.repeat(length)}"`)
      t.equal(status, 400)
      all.push(ms)
    }
    return Math.min(...all)
  }
  const [short, long] = [await took(100), await took(8000)]
  t.ok(long < short * 20 + 20, `${long} ms, ${short} ms for one of an eightieth`)
})

t.test('A handler that throws something other than an Error answers 500 and reports one line', async (t) => {
  const lines: string[] = []
  const it = await served(t, {
    report: (line) => lines.push(line),
    routes: [undefined, null, 'text', 5].map((thrown, index) => ({
      ...{ method: 'GET', path: `/boom/${index}`, name: 'boom', auth: 'none' },
      async handle() {
        throw thrown
      },
    })),
  })
  for (let index = 0; index < 4; index++) t.equal((await it.ask(`/boom/${index}`)).status, 500)
  t.equal(lines.length, 4)
  for (const line of lines) t.match(line, /^dotdog: boom failed: ./)
})

t.test('A log entry has the client’s address and the reason of a refusal', async (t) => {
  const log: LogEntry[] = []
  const shop = newClient('shop', { keys: ['OTHER'], refresh: false })
  const old = newClient('old', { expires: '2020-01-01' })
  const options = { clients: [shop.config, old.config], log: (entry: LogEntry) => void log.push(entry) }
  const { ask } = await served(t, { ...options, behindProxy: true })
  await ask('/v1/keys/TOKEN')
  await ask('/v1/keys/TOKEN', { token: 'unknown', headers: { 'x-forwarded-for': '10.0.0.1, 203.0.113.9' } })
  await ask('/v1/keys/TOKEN', old)
  await ask('/v1/keys/TOKEN', shop)
  await ask('/healthz')
  t.match(log, [
    { address: '127.0.0.1', client: undefined, status: 401, reason: 'token missing' },
    { address: '203.0.113.9', client: undefined, status: 401, reason: 'token unknown' },
    { address: '127.0.0.1', client: undefined, status: 401, reason: 'token expired of old' },
    { address: '127.0.0.1', client: 'shop', status: 403, reason: 'forbidden' },
    { address: '127.0.0.1', status: 200, reason: undefined },
  ])
})
