// The steps themselves, on a real Postgres: what each does at the same moment as others, and without a right or a table.
import pg from 'pg'
import t from 'tap'
import type { AcquireRequest } from '../../../src/database/backend.js'
import { parseTable } from '../../../src/postgres/identifiers.js'
import { buildBackend } from './built.js'
import { withServer } from './server.js'

const { PostgresBackend } = buildBackend()
type Opened = InstanceType<typeof PostgresBackend>

let nonces = 0
const request = (more: Partial<AcquireRequest> = {}): AcquireRequest => ({
  nonce: `n${nonces++}`,
  holder: 'host:1',
  leaseMs: 30_000,
  fencingTokenFloor: 0,
  ...more,
})

await withServer(t, async ({ url, admin, table }) => {
  const opened = (name: string, connectionString = url) => {
    const backend = new PostgresBackend({ connectionString }, parseTable(name))
    t.teardown(() => backend.close())
    return backend
  }
  /** Opens both connections: dozens at once may take a busy machine longer than one operation may. */
  const connected = async (backend: Opened): Promise<void> => {
    await Promise.all([backend.read('K'), backend.read('K')]).catch(() => connected(backend))
  }
  const keysOf = async (backend: Opened) => {
    const keys: string[] = []
    for await (const key of backend.keys()) keys.push(key)
    return keys
  }

  for (const level of ['read committed', 'serializable']) {
    t.test(
      `of fifty takes at once from ten stores one gets the lease, under ${level}, also where there is no table`,
      async (t) => {
        const options = encodeURIComponent(`-c default_transaction_isolation=${level.replace(' ', '\\ ')}`)
        const name = table()
        const backends = Array.from({ length: 10 }, () => opened(name, `${url}?options=${options}`))
        await Promise.all(backends.map(connected))
        let last = 0
        for (let round = 0; round < 4; round++) {
          const requests = Array.from({ length: 50 }, () =>
            request({ holder: `host:${round}`, leaseMs: round < 2 ? 30_000 : 1 }),
          )
          const first = requests.map((one, i) => backends[i % 10]!.acquire('K', one))
          const takes = await Promise.all(first)
          // A lease of 1 ms is over for the next: then only the numbers must differ.
          const won = takes.flatMap((taken, i) => (taken === undefined ? [] : [{ ...taken, nonce: requests[i]!.nonce }]))
          if (round < 2) t.equal(won.length, 1)
          t.equal(new Set(won.map(({ fencingToken }) => fencingToken)).size, won.length)
          t.ok(Math.min(...won.map(({ fencingToken }) => fencingToken)) > last)
          last = Math.max(...won.map(({ fencingToken }) => fencingToken))
          if (round < 2) await backends[round]!.release('K', won[0]!.nonce)
        }
      },
    )
  }

  t.test('a number is above all that is known: the record, the ledger, what was drawn, and the floor', async (t) => {
    const name = table()
    const backend = opened(name)
    const draws = async (floor = 0) => {
      const one = request({ fencingTokenFloor: floor })
      const taken = await backend.acquire('K', one)
      return { number: taken!.fencingToken, nonce: one.nonce }
    }
    const first = await draws(1000)
    t.equal(first.number, 1001)
    await backend.release('K', first.nonce)
    const second = await draws()
    t.equal(second.number, 1002, 'drawn before')
    t.equal(await backend.writeLedger('K', second.nonce, { text: '{}', lastFencingToken: 2000 }), true)
    await backend.release('K', second.nonce)
    const third = await draws()
    t.equal(third.number, 2001, 'the ledger')
    t.equal(await backend.commit('K', third.nonce, { text: '{"r":1}', generation: 3000 }), true)
    const fourth = await draws()
    t.equal(fourth.number, 3001, 'the record')
    t.equal(await backend.commit('K', fourth.nonce, undefined), true)
    t.equal(await backend.read('K'), undefined)
    t.equal(await backend.readLedger('K'), '{}')
    const big = await draws(Number.MAX_SAFE_INTEGER - 10)
    t.equal(big.number, Number.MAX_SAFE_INTEGER - 9, 'an exact number')
    await backend.release('K', big.nonce)
    t.ok((await draws()).number > big.number)
  })

  t.test('the former holder is named only if its lease ran out without being let go', async (t) => {
    const backend = opened(table())
    const short = request({ holder: 'gone:7', leaseMs: 50 })
    t.strictSame(await backend.acquire('K', short), { fencingToken: 1 })
    t.match(await backend.holder('K'), { fencingToken: 1, name: 'gone:7' })
    t.equal(await backend.acquire('K', request()), undefined)
    await new Promise((resolve) => setTimeout(resolve, 80))
    t.equal(await backend.holder('K'), undefined)
    const next = request()
    t.strictSame(await backend.acquire('K', next), { fencingToken: 2, evicted: 'gone:7' })
    t.strictSame(
      await backend.acquire('K', next),
      { fencingToken: 3, evicted: 'gone:7' },
      'the same take, whose answer was lost',
    )
    t.equal(await backend.renew('K', short.nonce, 1000), false)
    t.equal(await backend.writeLedger('K', short.nonce, { text: 'x', lastFencingToken: 9 }), false)
    t.equal(await backend.commit('K', short.nonce, { text: 'x', generation: 9 }), false)
    await backend.release('K', short.nonce)
    t.ok((await backend.holder('K'))!.msLeft > 20_000)
    t.equal(await backend.renew('K', next.nonce, 60_000), true)
    t.ok((await backend.holder('K'))!.msLeft > 50_000)
    await backend.release('K', next.nonce)
    t.strictSame(await backend.acquire('K', request()), { fencingToken: 4 })
  })

  t.test('a text is kept to the letter, and every key is another one', async (t) => {
    const backend = opened(table())
    const text = `${JSON.stringify({ value: '\u0000\u001f\ud800 " \\ \u2028 🔑', spaced: 1 })}  \n`
    const keys = [
      'a',
      'A',
      'ä',
      'a\u0308',
      '\0',
      '\\0',
      '\\',
      '\\\\',
      "'; DROP TABLE x --",
      '$1',
      '%',
      '"',
      ' ',
      ' a',
      'k'.repeat(120),
    ]
    keys.push('🔑'.repeat(60), '\u{10ffff}', '\uffff', '\n', 'a b')
    for (const [i, key] of keys.entries()) {
      const one = request()
      t.ok(await backend.acquire(key, one))
      t.equal(await backend.commit(key, one.nonce, { text: `${i}${text}`, generation: i }), true)
    }
    for (const [i, key] of keys.entries()) t.equal(await backend.read(key), `${i}${text}`)
    t.strictSame((await keysOf(backend)).sort(), [...keys].sort())
  })

  t.test('keys are listed by the page, each once', async (t) => {
    const name = table()
    const backend = opened(name)
    await backend.acquire('none', request())
    await admin(
      `INSERT INTO ${name} (key, record, generation, drawn) SELECT 'key ' || n, '{}', 1, 1 FROM generate_series(1, 2500) n`,
    )
    const keys = await keysOf(backend)
    t.equal(keys.length, 2500)
    t.equal(new Set(keys).size, 2500)
  })

  t.test('a notification has the key and the generation, whatever the key, and never the value', async (t) => {
    const name = table()
    const backend = opened(name)
    const listener = new pg.Client({ connectionString: url })
    await listener.connect()
    t.teardown(() => listener.end())
    const payloads: string[] = []
    listener.on('notification', ({ payload }) => payloads.push(payload!))
    await listener.query(`LISTEN ${name}`)
    const heard: (string | undefined)[] = []
    const stop = await backend.subscribe((key) => heard.push(key))
    const keys = ['K', '\0'.repeat(120), '中'.repeat(120), 'a\nb c']
    for (const key of keys) {
      const [first, second, lost] = [request(), request(), request()]
      await backend.acquire(key, first)
      await backend.writeLedger(key, first.nonce, { text: 'a-marked-ledger', lastFencingToken: 1 })
      await backend.commit(key, first.nonce, { text: 'a-marked-value', generation: 77 })
      await backend.acquire(key, second)
      await backend.release(key, second.nonce)
      await backend.release(key, lost.nonce)
    }
    await admin(`SELECT pg_notify($1, 'not one of ours')`, [name])
    await admin(`SELECT pg_notify($1, '1 THE END')`, [name])
    while (heard.at(-1) !== 'THE END' || payloads.at(-1) !== '1 THE END')
      await new Promise((resolve) => setTimeout(resolve, 10))
    t.strictSame(heard, [...keys.flatMap((key) => [key, key]), 'THE END'])
    t.equal(payloads.length, 2 * keys.length + 2)
    t.ok(payloads.slice(0, -2).every((payload) => payload.startsWith('77 ')))
    t.notMatch(payloads.join(), /marked/)
    stop()
    const ended = async () => (await admin(`SELECT 1 FROM pg_stat_activity WHERE query = 'LISTEN "${name}"'`)).length === 0
    while (!(await ended())) await new Promise((resolve) => setTimeout(resolve, 10))
    t.pass('with nobody left to listen the connection is closed')
  })

  t.test('a role that may not make a table uses the one that is there, and is told where there is none', async (t) => {
    const name = table()
    const role = `dotdog_guest_${process.pid}`
    await admin(`CREATE ROLE ${role} LOGIN PASSWORD 'guest-secret'`)
    await admin('REVOKE CREATE ON SCHEMA public FROM PUBLIC')
    t.teardown(() => admin(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
    const asGuest = new URL(url)
    asGuest.username = role
    asGuest.password = 'guest-secret'
    const guest = opened(name, asGuest.href)
    t.equal(await guest.read('K'), undefined, 'without a table there is nothing to read')
    t.equal(await guest.holder('K'), undefined)
    t.strictSame(await keysOf(guest), [])
    const refusal = await guest.acquire('K', request()).catch((error) => error)
    t.match(refusal, {
      code: 'ERR_DOG_STORE',
      message: /the table ".*" is missing and cannot be created: permission denied.*\(42501\)/,
    })
    t.notMatch(refusal.message, /guest/)

    const owner = opened(name)
    const one = request()
    await owner.acquire('K', one)
    await owner.release('K', one.nonce)
    await t.rejects(guest.acquire('K', request()), { code: '42501', message: /permission denied for table/ })
    await admin(`GRANT SELECT, INSERT, UPDATE ON ${name} TO ${role}`)
    t.ok(await guest.acquire('K', request()))
    t.ok(await guest.acquire('L', request()))
  })

  t.test('a statement that waits for a lock ends with its time, at the server too', async (t) => {
    const name = table()
    const backend = opened(name)
    const one = request()
    await backend.acquire('K', one)
    const locker = new pg.Client({ connectionString: url })
    await locker.connect()
    t.teardown(() => locker.end())
    await locker.query(`BEGIN; LOCK TABLE ${name}`)
    const steps = [backend.read('K'), backend.renew('K', one.nonce, 9), backend.acquire('K', request()), backend.read('L')]
    for (const { status } of await Promise.allSettled(steps)) t.equal(status, 'rejected')
    const waiting = async () =>
      (await admin(`SELECT 1 FROM pg_stat_activity WHERE query LIKE $1 AND wait_event_type = 'Lock'`, [`%${name}%`])).length
    while ((await waiting()) > 0) await new Promise((resolve) => setTimeout(resolve, 20))
    await locker.query('ROLLBACK')
    t.equal(await backend.read('K'), undefined)
    t.equal((await backend.holder('K'))?.fencingToken, 1, 'what nobody waited for was not done later')
  })

  t.test('an error has no row, no parameter and no password', async (t) => {
    const name = table()
    const backend = opened(name)
    const one = request()
    await backend.acquire('K', one)
    await admin(`ALTER TABLE ${name} ADD CHECK (record NOT LIKE '%marked%')`)
    const refused = await backend.commit('K', one.nonce, { text: 'a-marked-value', generation: 1 }).catch((error) => error)
    t.equal(refused.code, '23514')
    const cause = Object.assign(Object.create(null), Object.getOwnPropertyDescriptors(refused))
    t.notMatch(JSON.stringify(cause), /marked/)
    t.notMatch(`${refused.message}${refused.stack}`, /a-marked-value/)

    const wrong = new URL(url)
    wrong.password = 'wrong-marked-password'
    const locked = await opened(name, wrong.href)
      .read('K')
      .catch((error) => error)
    t.equal(locked.code, '28P01')
    t.notMatch(`${locked.message}${locked.stack}${JSON.stringify(locked)}`, /marked-password/)
  })
})
