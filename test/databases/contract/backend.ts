import t from 'tap'
import type { AcquireRequest, Backend } from '../../../src/database/backend.js'
import { startProxy } from '../support/cutting-proxy.js'
import { type Engine, withDatabase } from '../support/engine.js'
import { pause, until } from '../support/workers.js'

const request = (nonce: string, more: Partial<AcquireRequest> = {}): AcquireRequest => ({
  nonce,
  holder: `host:${nonce}`,
  leaseMs: 30_000,
  fencingTokenFloor: 1000,
  ...more,
})

async function keysOf(backend: Backend): Promise<string[]> {
  const keys: string[] = []
  for await (const key of backend.keys()) keys.push(key)
  return keys
}

/** The steps that a store consists of, on a real server. */
export const backend = (engine: Engine): Promise<void> =>
  withDatabase(t, engine, (database) => {
    t.test('A fencing token is higher than the record, the ledger, every token drawn, and the floor', async (t) => {
      const backend = database.createSpace(t).createBackend()
      const token = async (nonce: string, fencingTokenFloor = 1000) =>
        (await backend.acquire('K', request(nonce, { fencingTokenFloor })))?.fencingToken
      t.equal(await token('a'), 1001, 'higher than the floor, where nothing is known')
      await backend.release('K', 'a')
      t.equal(await token('b', 0), 1002, 'higher than the token drawn before')
      t.equal(await backend.writeLedger('K', 'b', { text: '{}', lastFencingToken: 1_763_650_000_001 }), true)
      await backend.release('K', 'b')
      t.equal(await token('c'), 1_763_650_000_002, 'higher than that of the last fetch begun, in the ledger')
      t.equal(await backend.commit('K', 'c', { text: '{"r":1}', generation: 8_999_999_999_999_990 }), true)
      t.equal(await token('d'), 8_999_999_999_999_991, 'higher than the generation of the record')
      await backend.release('K', 'd')
      t.equal(await token('e'), 8_999_999_999_999_992)
      t.equal((await backend.holder('K'))?.fencingToken, 8_999_999_999_999_992)
      t.equal(await backend.commit('K', 'e', undefined), true)
      t.equal(await backend.read('K'), undefined)
      t.equal(await backend.readLedger('K'), '{}')
      t.equal(await token('f'), 8_999_999_999_999_993, 'also when the record is gone')
      await backend.release('K', 'f')
      t.equal(await token('g', 8_999_999_999_999_996), 8_999_999_999_999_997, 'exact')
      await backend.release('K', 'g')
      t.equal(await token('h', 0), 8_999_999_999_999_998)
      await backend.release('K', 'h')
      t.equal(await token('i', Number.MAX_SAFE_INTEGER - 10), Number.MAX_SAFE_INTEGER - 9)
      await backend.release('K', 'i')
      t.equal(await token('j', 0), Number.MAX_SAFE_INTEGER - 8)
    })

    t.test('The next holder learns the name of a holder whose lease ran out, and not of one that released it', async (t) => {
      const backend = database.createSpace(t).createBackend()
      t.strictSame(await backend.acquire('K', request('a', { leaseMs: 200 })), { fencingToken: 1001 })
      t.match(await backend.holder('K'), { fencingToken: 1001, name: 'host:a' })
      t.equal(await backend.acquire('K', request('z')), undefined)
      t.equal(await backend.renew('K', 'a', 400), true)
      t.equal(await backend.renew('K', 'b', 5000), false, 'the lease of another holder is not renewed')
      const { msLeft = 0 } = (await backend.holder('K')) ?? {}
      t.ok(msLeft > 200 && msLeft <= 400, `${msLeft}`)
      await until(async () => (await backend.holder('K')) === undefined, { what: 'the lease runs out' })
      t.strictSame(await backend.acquire('K', request('b', { leaseMs: 1 })), { fencingToken: 1002, evicted: 'host:a' })
      await pause(20)
      t.equal(await backend.commit('K', 'b', { text: 'late', generation: 1 }), true, 'no other holder: the value is kept')
      t.strictSame(
        await backend.acquire('K', request('c', { leaseMs: 1 })),
        { fencingToken: 1003 },
        'a released lease evicts nobody',
      )
      await pause(20)
      t.strictSame(await backend.acquire('K', request('d')), { fencingToken: 1004, evicted: 'host:c' })
      t.equal(await backend.renew('K', 'c', 1000), false)
      t.equal(await backend.commit('K', 'c', { text: 'evicted', generation: 2 }), false)
      t.equal(await backend.writeLedger('K', 'c', { text: 'evicted', lastFencingToken: 2 }), false)
      t.equal(await backend.read('K'), 'late')
      t.equal(await backend.readLedger('K'), undefined)
      await backend.release('K', 'c')
      t.ok((await backend.holder('K'))!.msLeft > 20_000, 'the release of an evicted holder does nothing')
      t.equal(await backend.renew('K', 'd', 60_000), true)
      t.ok((await backend.holder('K'))!.msLeft > 50_000)
      await backend.release('K', 'd')
      t.strictSame(await backend.acquire('K', request('e')), { fencingToken: 1005 })
    })

    t.test('What is left of many removed keys goes in time, unless it is used again or is to be kept', async (t) => {
      const space = database.createSpace(t)
      const [backend, other] = [space.createBackend(), space.createBackend()]
      const write = async (key: string, record?: string, keepMs?: number) => {
        await backend.acquire(key, request(key))
        await backend.writeLedger(key, key, { text: `ledger of ${key}`, lastFencingToken: 1001 })
        t.equal(
          await backend.commit(key, key, record === undefined ? undefined : { text: record, generation: 1001 }, keepMs),
          true,
        )
      }
      const numbers = Array.from({ length: 140 }, (_, at) => at)
      const kept = ['LEASED', 'USED']
      for (const key of kept) await write(key, undefined, 1500)
      await backend.acquire('LEASED', request('next', { leaseMs: 1 }))
      await backend.acquire('USED', request('next'))
      await backend.release('USED', 'next')
      for (const at of numbers) {
        await write(`GONE_${at}`, undefined, 1)
        if (at % 4 === 0) kept.push(`KEPT_${at}`, `RECORD_${at}`)
        if (at % 4 === 0) await write(`KEPT_${at}`)
        if (at % 4 === 0) await write(`RECORD_${at}`, 'record')
      }
      await pause(1500)
      const isGone = async (key: string) => (await other.readLedger(key)) === undefined
      await until(
        async () => {
          for (const one of [backend, other]) {
            await one.acquire('Z', request('z'))
            await one.commit('Z', 'z', { text: 'record', generation: 1001 })
          }
          for (const at of numbers) if (!(await isGone(`GONE_${at}`))) return false
          return true
        },
        { what: 'the ledgers of the removed keys are deleted' },
      )
      for (const key of kept) t.equal(await other.readLedger(key), `ledger of ${key}`)
      t.strictSame(await other.acquire('LEASED', request('again')), { fencingToken: 1003, evicted: 'host:next' })
      t.equal((await other.acquire('USED', request('again', { fencingTokenFloor: 0 })))?.fencingToken, 1003)
      t.equal((await other.acquire('GONE_1', request('again')))?.fencingToken, 1001, 'nothing is known of it')
    })

    t.test('A text is stored exactly, and similar keys are kept apart', async (t) => {
      const backend = database.createSpace(t).createBackend()
      const text = `${JSON.stringify({ value: '\u0000\u001f\ud800 " \\ \u2028 🔑', spaced: 1 })}  \n`
      const keys = ['a', 'A', 'ä', 'a\u0308', '\0', '\\0', '\\', '\\\\', "'; DROP TABLE x --", '$1', '%', '"', ' ', ' a', 'a b']
      keys.push('k'.repeat(120), '🔑'.repeat(60), '\u{10ffff}', '\uffff', '\n', '{', '}', '{}', '{a}b', 'a%7Bb', '*', '[x]')
      for (const [i, key] of keys.entries()) {
        t.ok(await backend.acquire(key, request('a')))
        t.equal(await backend.commit(key, 'a', { text: `${i}${text}`, generation: i }), true)
      }
      for (const [i, key] of keys.entries()) t.equal(await backend.read(key), `${i}${text}`)
      t.strictSame((await keysOf(backend)).sort(), [...keys].sort())
    })

    t.test('A subscriber is notified of commits, of releases and of a gap', async (t) => {
      const space = database.createSpace(t)
      const [backend, other] = [space.createBackend(), space.createBackend()]
      const notified: (string | undefined)[] = []
      const stop = await backend.subscribe((key) => notified.push(key))
      const isNotified = (key: string | undefined) => until(() => notified.includes(key), { what: `a notification of ${key}` })
      for (const key of ['K', 'a {b} % ü🔑', ' ']) {
        await other.acquire(key, request('a'))
        await other.commit(key, 'a', { text: 'record', generation: 7 })
        await isNotified(key)
        notified.length = 0
        await other.acquire(key, request('b'))
        await other.release(key, 'b')
        await isNotified(key)
      }
      notified.length = 0
      for (let round = 0; round < 3; round++) {
        await space.killConnections()
        await isNotified(undefined)
        notified.length = 0
        await until(() => other.acquire('K', request(`round ${round}`)).catch(() => undefined), { what: 'a new connection' })
        await other.release('K', `round ${round}`)
        await isNotified('K')
      }
      stop()
      notified.length = 0
      await other.acquire('K', request('c'))
      await other.release('K', 'c')
      await pause(100)
      t.strictSame(notified, [])
    })

    t.test('A subscription whose connection went silent is detected and replaced', async (t) => {
      const space = database.createSpace(t)
      await space.prepare()
      const proxy = await startProxy(t, database.port)
      const [backend, other] = [space.createBackend({ port: proxy.port }), space.createBackend()]
      const notified: (string | undefined)[] = []
      await backend.subscribe((key) => notified.push(key))
      proxy.silence()
      await until(() => notified.includes(undefined), { what: 'a notification of the gap' })
      await other.acquire('K', request('a'))
      await other.release('K', 'a')
      await until(() => notified.includes('K'), { what: 'a notification of the key' })
    })

    const { control } = database
    const skip = control === undefined && 'needs a server of its own: DATABASE_URL names one that must not be disturbed'
    t.test('Every step times out in bounded time while the server is suspended', { skip }, async (t) => {
      const backend = database.createSpace(t).createBackend()
      await backend.read('K')
      await control!.suspend()
      t.teardown(() => control!.resume())
      const steps: [string, () => Promise<unknown>][] = [
        ['read', () => backend.read('K')],
        ['readLedger', () => backend.readLedger('K')],
        ['holder', () => backend.holder('K')],
        ['acquire', () => backend.acquire('K', request('a'))],
        ['renew', () => backend.renew('K', 'a', 100)],
        ['writeLedger', () => backend.writeLedger('K', 'a', { text: 'marked-value', lastFencingToken: 1 })],
        ['commit', () => backend.commit('K', 'a', { text: 'marked-value', generation: 1 })],
        ['release', () => backend.release('K', 'a')],
        ['keys', () => keysOf(backend)],
        ['subscribe', () => backend.subscribe(() => {})],
      ]
      for (const [name, step] of steps) {
        const begunAt = performance.now()
        await t.rejects(step(), { code: 'ETIMEDOUT' }, name)
        const ms = performance.now() - begunAt
        t.ok(ms > 450 && ms < 3000, `${name}: ${Math.round(ms)} ms`)
      }
      control!.resume()
      const isBack = () =>
        backend.read('K').then(
          () => true,
          () => false,
        )
      await until(isBack, { what: 'the server answers again' })
    })
  })
