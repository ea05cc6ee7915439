import t, { type Test } from 'tap'
import { startUpstream } from '../../support/upstream.js'
import { type Control, type Database, type Engine, withDatabase } from '../support/engine.js'
import { freePort } from '../support/free-port.js'
import { allHave, createScene, pause, startWorker, until, type WorkerLine } from '../support/workers.js'

/** Seconds for which the server is suspended. A real outage may take much longer: try 10. */
const SUSPENDED_S = Number(process.env.DOTDOG_TEST_SUSPENDED_S ?? 3)

const LOGIN = { username: 'marked_user', password: 'marked-password' }
const SECRETS = /marked|token-\d-of-the-upstream/

/** Everything that a worker printed, without the values, which it was asked for. */
const printed = (lines: WorkerLine[]): string => JSON.stringify(lines.map((line) => ({ ...line, value: undefined })))

/** A server that ends, stands still or was never there. */
export const outages = (engine: Engine): Promise<void> =>
  withDatabase(t, engine, (database) => {
    const { control } = database
    const skip = control === undefined && 'needs a server of its own: DATABASE_URL names one that must not be disturbed'
    if (control === undefined) t.pass('outages', { skip })
    else disturbing(engine, database, control)

    t.test('Without any server a get fails at once, shows no secret, and the process ends by itself', async (t) => {
      const upstream = await startUpstream()
      t.teardown(() => upstream.close())
      const config = database.createSpace(t).config({ port: await freePort(), login: LOGIN })
      const worker = startWorker(t, config, upstream)
      const answer = await worker.answered
      t.equal(answer.error, 'ERR_DOG_STORE')
      t.match(answer.message, /ECONNREFUSED/)
      t.notMatch(printed(worker.lines), SECRETS)
      t.match(await worker.exited, { code: 0, err: '' })
      t.equal(upstream.count, 0)
    })
  })

/** A process warns once of an outage, and not again at each operation. */
function checkWarnings(t: Test, engine: Engine, warnings: string[]): void {
  t.ok(warnings.length >= 1 && warnings.length <= engine.maxOutageWarnings, `${warnings}`)
  t.equal(new Set(warnings).size, warnings.length, 'no warning is repeated')
}

function disturbing(engine: Engine, database: Database, control: Control): void {
  t.test(
    'While the server restarts, values in memory are served and nothing is fetched; afterwards all get changes again',
    async (t) => {
      const { upstream, get, loops } = await createScene(t, database)
      const workers = loops(8)
      await allHave(workers, 'token-1-of-the-upstream')
      t.equal(upstream.count, 1)
      await control.kill()
      await pause(1500)
      t.equal(upstream.count, 1, 'nothing is fetched without the server')
      await control.start()
      // A server that comes back empty causes a fetch by itself.
      if (control.keepsData) t.equal((await get({ REFRESH: '{}' }).answered).value, 'token-2-of-the-upstream')
      const since = performance.now()
      await allHave(workers, 'token-2-of-the-upstream')
      t.comment(`all use the new value after ${Math.round(performance.now() - since)} ms`)
      await pause(500)
      for (const worker of workers) {
        const { warnings } = await worker.end()
        checkWarnings(t, engine, warnings)
        t.match(warnings[0], `127.0.0.1:${database.port}`, 'it names the endpoint')
        t.strictSame(
          worker.lines.flatMap(({ value, error }) => value ?? error ?? []),
          ['token-1-of-the-upstream', 'token-2-of-the-upstream'],
          'the value was served during the outage',
        )
        t.notMatch(printed(worker.lines), SECRETS)
      }
      t.equal(upstream.count, 2)
    },
  )

  t.test(
    `While the server is suspended for ${SUSPENDED_S} s, values in memory are served, other reads fail, and nothing is fetched`,
    async (t) => {
      const { upstream, get, loops } = await createScene(t, database)
      const workers = loops(4)
      await allHave(workers, 'token-1-of-the-upstream')
      await control.suspend()
      t.teardown(() => control.resume())
      const suspendedAt = performance.now()
      const misses = [get({ KEY: 'MISSING' }), get(), get({ REFRESH: '{}' })]
      for (const miss of misses) {
        const answer = await miss.answered
        t.match(answer, { error: 'ERR_DOG_STORE', fetches: 0 })
        t.match(answer.message, /ETIMEDOUT/)
        t.ok(answer.ms >= 490 && answer.ms < 5000, `${answer.ms} ms`)
        t.notMatch(printed(miss.lines), SECRETS)
        t.match(await miss.exited, { code: 0, err: '' }, 'the process ends by itself')
      }
      await pause(SUSPENDED_S * 1000 - (performance.now() - suspendedAt))
      t.equal(upstream.count, 1, 'nothing is fetched during the outage')
      for (const worker of workers) t.equal(worker.last()?.value, 'token-1-of-the-upstream')
      control.resume()

      t.equal((await get().answered).value, 'token-1-of-the-upstream')
      t.equal(upstream.count, 1)
      t.equal((await get({ REFRESH: '{}' }).answered).value, 'token-2-of-the-upstream')
      await allHave(workers, 'token-2-of-the-upstream')
      for (const worker of workers) {
        const { warnings } = await worker.end()
        checkWarnings(t, engine, warnings)
        t.notOk(worker.lines.some(({ error }) => error))
      }
      t.equal(upstream.count, 2)
    },
  )

  t.test('With localFallback a process fetches for itself during an outage, and its value is stored afterwards', async (t) => {
    const { upstream, space, get, loop } = await createScene(t, database)
    const place = { options: { localFallback: true } }
    await get({}, place).answered
    await control.suspend()
    t.teardown(() => control.resume())
    const alone = loop({ WATCH: '1' }, place)
    await allHave([alone], 'token-2-of-the-upstream')
    t.ok(alone.lines.some(({ warning }) => warning?.includes('fetches for itself')))
    control.resume()
    await until(async () => (await space.record('TOKEN'))?.value === 'token-2-of-the-upstream', { what: 'it is stored' })
    t.equal((await get({}, place).answered).value, 'token-2-of-the-upstream')
    t.equal(upstream.count, 2)
    await alone.end()
  })
}
