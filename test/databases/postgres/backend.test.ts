// Steps that only Postgres has: under concurrency, and without a right or a table.
import pg from 'pg'
import t from 'tap'
import type { AcquireRequest } from '../../../src/database/backend.js'
import { parseTable } from '../../../src/postgres/identifiers.js'
import { buildBackend } from '../support/built-backend.js'
import { pause } from '../support/workers.js'
import { withServer } from './server.js'

const { PostgresBackend } = buildBackend('postgres')
type Backend = InstanceType<typeof PostgresBackend>

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
  /**
   * Opens both connections of a backend. On a busy machine, dozens of new connections may take
   * longer than the time-out of one operation.
   */
  const connected = async (backend: Backend): Promise<void> => {
    await Promise.all([backend.read('K'), backend.read('K')]).catch(() => connected(backend))
  }
  const keysOf = async (backend: Backend) => {
    const keys: string[] = []
    for await (const key of backend.keys()) keys.push(key)
    return keys
  }

  for (const level of ['read committed', 'serializable']) {
    t.test(`One of fifty concurrent acquires by ten stores gets the lease, under ${level}, also without a table`, async (t) => {
      const options = encodeURIComponent(`-c default_transaction_isolation=${level.replace(' ', '\\ ')}`)
      const name = table()
      const backends = Array.from({ length: 10 }, () => opened(name, `${url}?options=${options}`))
      await Promise.all(backends.map(connected))
      let last = 0
      for (let round = 0; round < 4; round++) {
        const requests = Array.from({ length: 50 }, () => request({ holder: `host:${round}`, leaseMs: round < 2 ? 30_000 : 1 }))
        const first = requests.map((one, i) => backends[i % 10]!.acquire('K', one))
        const acquired = await Promise.all(first)
        // A lease of 1 ms is over before the next acquire: then only the tokens must differ.
        const won = acquired.flatMap((lease, i) => (lease === undefined ? [] : [{ ...lease, nonce: requests[i]!.nonce }]))
        if (round < 2) t.equal(won.length, 1)
        t.equal(new Set(won.map(({ fencingToken }) => fencingToken)).size, won.length)
        t.ok(Math.min(...won.map(({ fencingToken }) => fencingToken)) > last)
        last = Math.max(...won.map(({ fencingToken }) => fencingToken))
        if (round < 2) await backends[round]!.release('K', won[0]!.nonce)
      }
    })
  }

  t.test('A repeated acquire draws a higher token and names the former holder again', async (t) => {
    const backend = opened(table())
    t.strictSame(await backend.acquire('K', request({ holder: 'gone:7', leaseMs: 50 })), { fencingToken: 1 })
    await pause(80)
    t.equal(await backend.holder('K'), undefined)
    const next = request()
    t.strictSame(await backend.acquire('K', next), { fencingToken: 2, evicted: 'gone:7' })
    t.strictSame(await backend.acquire('K', next), { fencingToken: 3, evicted: 'gone:7' })
    await backend.release('K', next.nonce)
    t.strictSame(await backend.acquire('K', request()), { fencingToken: 4 })
  })

  t.test('Keys are listed page by page, each once', async (t) => {
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

  t.test('A notification has the generation and the key, whatever its characters, and never the value', async (t) => {
    const name = table()
    const backend = opened(name)
    const listener = new pg.Client({ connectionString: url })
    await listener.connect()
    t.teardown(() => listener.end())
    const payloads: string[] = []
    listener.on('notification', ({ payload }) => payloads.push(payload!))
    await listener.query(`LISTEN ${name}`)
    const notified: (string | undefined)[] = []
    const stop = await backend.subscribe((key) => notified.push(key))
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
    while (notified.at(-1) !== 'THE END' || payloads.at(-1) !== '1 THE END') await pause(10)
    t.strictSame(notified, [...keys.flatMap((key) => [key, key]), 'THE END'])
    t.equal(payloads.length, 2 * keys.length + 2)
    t.ok(payloads.slice(0, -2).every((payload) => payload.startsWith('77 ')))
    t.notMatch(payloads.join(), /marked/)
    stop()
    const ended = async () => (await admin(`SELECT 1 FROM pg_stat_activity WHERE query = 'LISTEN "${name}"'`)).length === 0
    while (!(await ended())) await pause(10)
    t.pass('without a listener the connection is closed')
  })

  t.test('A role without the right to create a table uses an existing one, and gets an error if there is none', async (t) => {
    const name = table()
    const role = `dotdog_guest_${process.pid}`
    await admin(`CREATE ROLE ${role} LOGIN PASSWORD 'guest-secret'`)
    await admin('REVOKE CREATE ON SCHEMA public FROM PUBLIC')
    t.teardown(() => admin(`DROP OWNED BY ${role}; DROP ROLE ${role}`))
    const asGuest = new URL(url)
    asGuest.username = role
    asGuest.password = 'guest-secret'
    const guest = opened(name, asGuest.href)
    t.equal(await guest.read('K'), undefined, 'without a table there is no record')
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

  t.test('A statement that waits for a lock is cancelled at its time-out, also on the server', async (t) => {
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
    while ((await waiting()) > 0) await pause(20)
    await locker.query('ROLLBACK')
    t.equal(await backend.read('K'), undefined)
    t.equal((await backend.holder('K'))?.fencingToken, 1, 'a cancelled acquire is not done later')
  })

  t.test('An error shows no row, no parameter and no password', async (t) => {
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
