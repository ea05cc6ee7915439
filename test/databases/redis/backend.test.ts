// Steps that only Redis has, or does differently from other engines.
import t, { type Test } from 'tap'
import { RedisBackend } from '../../../src/redis/backend.js'
import { OwnConnections } from '../../../src/redis/connection-provider.js'
import { decodeKey, encodeKey, RedisKeys } from '../../../src/redis/redis-keys.js'
import { until } from '../support/workers.js'
import { engine, type Server, startRedis, urlOf } from './server.js'

function backendOf(t: Test, { port }: Pick<Server, 'port'>, prefix = 'dotdog:'): RedisBackend {
  const backend = new RedisBackend(new OwnConnections(urlOf(port), undefined, `127.0.0.1:${port}`), prefix)
  t.teardown(() => backend.close())
  return backend
}

const request = (nonce: string, leaseMs = 5000) => ({
  nonce,
  holder: `host:${nonce}`,
  leaseMs,
  fencingTokenFloor: 1000,
})

t.test('A step that is sent twice is done once and gets the same reply', engine, async (t) => {
  const backend = backendOf(t, await startRedis(t))
  const first = await backend.acquire('K', request('a'))
  t.strictSame(await backend.acquire('K', request('a')), first)
  t.equal(await backend.acquire('K', request('b')), undefined)
  t.equal(await backend.commit('K', 'a', { text: 'one', generation: 1 }), true)
  t.equal(await backend.commit('K', 'a', { text: 'two', generation: 2 }), true)
  t.equal(await backend.read('K'), 'one')
  t.ok(await backend.acquire('K', request('b')))
  await backend.release('K', 'a')
  t.equal((await backend.holder('K'))?.name, 'host:b', 'a late release does nothing')
})

t.test('A lease that ran out is not renewed, though nobody took it', engine, async (t) => {
  const backend = backendOf(t, await startRedis(t))
  await backend.acquire('K', request('a', 200))
  await until(async () => (await backend.holder('K')) === undefined, { what: 'the lease runs out' })
  t.equal(await backend.renew('K', 'a', 5000), false)
})

t.test('A lease that a resumed Redis grants to a caller that gave up is released', engine, async (t) => {
  const server = await startRedis(t)
  const backend = backendOf(t, server)
  // Redis knows the scripts afterwards.
  await backend.acquire('K', request('a'))
  await backend.release('K', 'a')
  await server.pause()
  await t.rejects(backend.acquire('K', request('b')), { code: 'ETIMEDOUT' })
  server.resume()
  await until(
    () =>
      backend.holder('K').then(
        () => true,
        () => false,
      ),
    { what: 'Redis is back' },
  )
  await until(async () => (await backend.holder('K')) === undefined, { what: 'it is free', timeoutMs: 2000 })
  const drawn = Number(await server.admin.hget('dotdog:{K}:state', 'drawn'))
  t.equal(drawn, 1002, 'the lease was taken, and released')
})

t.test(
  'Stores with different prefixes list only their own keys, also if a prefix has pattern characters',
  engine,
  async (t) => {
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
  },
)

t.test('Each key maps to one Redis name and back', async (t) => {
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
