import t, { type Test } from 'tap'
import { RedisBackend } from '../../../src/redis/backend.js'
import { OwnConnections } from '../../../src/redis/connection-provider.js'
import { decodeKey, encodeKey, RedisKeys } from '../../../src/redis/redis-keys.js'
import { startProxy } from './cutting-proxy.js'
import { engine, type Server, startRedis } from './server.js'
import { until } from './workers.js'

function backendOf(t: Test, { url, port }: Pick<Server, 'url' | 'port'>, prefix = 'dotdog:'): RedisBackend {
  const backend = new RedisBackend(new OwnConnections(url, undefined, `127.0.0.1:${port}`), prefix)
  t.teardown(() => backend.close())
  return backend
}

const request = (nonce: string, leaseMs = 5000, fencingTokenFloor = 1000) => ({
  nonce,
  holder: `host:${nonce}`,
  leaseMs,
  fencingTokenFloor,
})
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

t.test('a number is higher than all that is known, exactly, up to 9e15', engine, async (t) => {
  const server = await startRedis(t)
  const backend = backendOf(t, server)
  t.equal((await backend.acquire('K', request('a')))?.fencingToken, 1001, 'where nothing is known, than the floor')
  await backend.writeLedger('K', 'a', { text: 'ledger', lastFencingToken: 1_763_650_000_001 })
  await backend.release('K', 'a')
  t.equal((await backend.acquire('K', request('b')))?.fencingToken, 1_763_650_000_002, 'than the last fetch begun')
  await backend.commit('K', 'b', { text: 'record', generation: 8_999_999_999_999_990 })
  t.equal((await backend.acquire('K', request('c')))?.fencingToken, 8_999_999_999_999_991, 'than the record')
  await backend.release('K', 'c')
  t.equal((await backend.acquire('K', request('d')))?.fencingToken, 8_999_999_999_999_992, 'than every number drawn')
  t.equal((await backend.holder('K'))?.fencingToken, 8_999_999_999_999_992)
  await backend.commit('K', 'd', undefined)
  t.equal((await backend.acquire('K', request('e')))?.fencingToken, 8_999_999_999_999_993, 'also when the record is gone')
  await backend.release('K', 'e')
  t.equal((await backend.acquire('K', request('f', 5000, 8_999_999_999_999_996)))?.fencingToken, 8_999_999_999_999_997)
})

t.test('a step that is sent twice is done once, and answered alike', engine, async (t) => {
  const backend = backendOf(t, await startRedis(t))
  const first = await backend.acquire('K', request('a'))
  t.strictSame(await backend.acquire('K', request('a')), first)
  t.equal(await backend.acquire('K', request('b')), undefined)
  t.equal(await backend.commit('K', 'a', { text: 'one', generation: 1 }), true)
  t.equal(await backend.commit('K', 'a', { text: 'two', generation: 2 }), true)
  t.equal(await backend.read('K'), 'one')
  t.ok(await backend.acquire('K', request('b')))
  await backend.release('K', 'a')
  t.equal((await backend.holder('K'))?.name, 'host:b', 'a late release does no harm')
})

t.test('a lease that ran out is not renewed, and its last holder is named to the next', engine, async (t) => {
  const backend = backendOf(t, await startRedis(t))
  await backend.acquire('K', request('a', 200))
  t.equal(await backend.renew('K', 'a', 400), true)
  t.equal(await backend.renew('K', 'b', 5000), false, "another's is not renewed")
  const { msLeft: left = 0 } = (await backend.holder('K')) ?? {}
  t.ok(left > 200 && left <= 400, `${left}`)
  await until('it runs out', async () => (await backend.holder('K')) === undefined)
  t.equal(await backend.renew('K', 'a', 5000), false)
  t.equal((await backend.acquire('K', request('b', 1)))?.evicted, 'host:a')
  await pause(20)
  t.equal(await backend.commit('K', 'b', { text: 'late', generation: 1 }), true, 'nobody took it: the value is not lost')
  t.equal((await backend.acquire('K', request('c', 1)))?.evicted, undefined, 'one that was let go displaces nobody')
  await pause(20)
  await backend.acquire('K', request('d'))
  t.equal(await backend.commit('K', 'c', { text: 'robbed', generation: 2 }), false)
  t.equal(await backend.writeLedger('K', 'c', { text: 'robbed', lastFencingToken: 2 }), false)
  t.equal(await backend.read('K'), 'late')
  t.equal(await backend.readLedger('K'), undefined)
})

t.test('a take that Redis did when nobody waited for it any more holds nothing', engine, async (t) => {
  const server = await startRedis(t)
  const backend = backendOf(t, server)
  await await backend.acquire('K', request('a')) // The scripts are known.
  await backend.release('K', 'a')
  await server.pause()
  await t.rejects(backend.acquire('K', request('b')), { code: 'ETIMEDOUT' })
  server.resume()
  await until('Redis is back', () =>
    backend.holder('K').then(
      () => true,
      () => false,
    ),
  )
  await until('it is free', async () => (await backend.holder('K')) === undefined, 2000)
  const drawn = Number(await server.admin.hget('dotdog:{K}:state', 'drawn'))
  t.equal(drawn, 1002, 'it was done, and undone')
})

t.test('every step ends in time while Redis stands still', engine, async (t) => {
  const server = await startRedis(t)
  const backend = backendOf(t, server)
  await backend.read('K')
  await server.pause()
  const keys = async () => {
    for await (const _key of backend.keys());
  }
  const record = { text: 'marked-value', generation: 1 }
  const steps: [string, () => Promise<unknown>][] = [
    ['read', () => backend.read('K')],
    ['readLedger', () => backend.readLedger('K')],
    ['holder', () => backend.holder('K')],
    ['acquire', () => backend.acquire('K', request('a'))],
    ['renew', () => backend.renew('K', 'a', 100)],
    ['writeLedger', () => backend.writeLedger('K', 'a', { text: 'marked-value', lastFencingToken: 1 })],
    ['commit', () => backend.commit('K', 'a', record)],
    ['release', () => backend.release('K', 'a')],
    ['keys', keys],
    ['subscribe', () => backend.subscribe(() => {})],
  ]
  for (const [name, step] of steps) {
    const begun = performance.now()
    await t.rejects(step(), { code: 'ETIMEDOUT' }, name)
    const ms = performance.now() - begun
    t.ok(ms > 450 && ms < 3000, `${name}: ${Math.round(ms)} ms`)
  }
  server.resume()
  await until('it is back', () =>
    backend.read('K').then(
      () => true,
      () => false,
    ),
  )
})

t.test('who listens hears of commits and releases, and of a gap', engine, async (t) => {
  const { admin, ...server } = await startRedis(t)
  const backend = backendOf(t, server)
  const heard: (string | undefined)[] = []
  const stop = await backend.subscribe((key) => heard.push(key))
  const heardThis = (key: string | undefined) => until(`${key} is heard`, () => heard.includes(key))
  for (const key of ['K', 'a {b} % ü🔑', ' ']) {
    await backend.acquire(key, request('a'))
    await backend.commit(key, 'a', { text: 'record', generation: 7 })
    await heardThis(key)
    heard.length = 0
    await backend.acquire(key, request('b'))
    await backend.release(key, 'b')
    await heardThis(key)
  }
  heard.length = 0
  for (let round = 0; round < 3; round++) {
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await heardThis(undefined)
    heard.length = 0
    await backend.acquire('K', request(`round ${round}`))
    await backend.release('K', `round ${round}`)
    await heardThis('K')
  }
  stop()
  heard.length = 0
  await backend.acquire('K', request('c'))
  await backend.release('K', 'c')
  await pause(100)
  t.strictSame(heard, [])
})

t.test('a line that fell silent is found out, and made again', engine, async (t) => {
  const server = await startRedis(t)
  const proxy = await startProxy(t, server.port)
  const backend = backendOf(t, proxy)
  const heard: (string | undefined)[] = []
  await backend.subscribe((key) => heard.push(key))
  proxy.silence()
  await until('the gap is told', () => heard.includes(undefined))
  await backend.acquire('K', request('a'))
  await backend.release('K', 'a')
  await until('it hears again', () => heard.includes('K'))
})

t.test('prefixes keep apart what is apart, whatever their letters mean in a pattern', engine, async (t) => {
  const server = await startRedis(t)
  const prefixes = ['', 'a', 'a*', 'a?', '[a]', 'a\\', 'ä:', 'a%']
  const keysOf = async (backend: RedisBackend) => {
    const keys: string[] = []
    for await (const key of backend.keys()) keys.push(key)
    return keys.sort()
  }
  for (const prefix of prefixes) {
    const backend = backendOf(t, server, prefix)
    for (let i = 0; i < 3; i++) {
      await backend.acquire(`${prefix}${i}`, request('a'))
      await backend.commit(`${prefix}${i}`, 'a', { text: prefix, generation: 1 })
    }
  }
  await server.admin.hset('a{%zz}:record', 'text', 'no key')
  await server.admin.hset('a{{}}:record', 'text', 'no key')
  for (const prefix of prefixes) {
    t.strictSame(
      await keysOf(backendOf(t, server, prefix)),
      [0, 1, 2].map((i) => `${prefix}${i}`),
    )
  }
})

t.test('a key is one name, and a name is one key', async (t) => {
  const odd = [
    'K',
    'a b',
    '{',
    '}',
    '{}',
    '{a}b',
    'a%7Bb',
    '%',
    '*',
    '[x]',
    '\\',
    '中文',
    '🔑',
    '\u0000',
    "!'()",
    'é',
    'e\u0301',
  ]
  const names = new RedisKeys('p:')
  for (const key of odd) {
    t.equal(decodeKey(encodeKey(key)), key)
    const [record, state] = names.of(key)
    const tag = (name: string) => /\{([^}]+)\}/.exec(name)?.[1]
    t.ok(tag(record), record)
    t.equal(tag(record), tag(state))
    t.equal(names.keyOf(record, ''), key)
    t.equal(names.keyOf(state, ''), undefined)
  }
  t.equal(new Set(odd.map(encodeKey)).size, odd.length)
})
