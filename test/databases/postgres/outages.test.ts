// What a Postgres that ends or stands still does to processes that use it.
import t from 'tap'
import { buildBackend } from './built.js'
import { PASSWORD, USER, withServer } from './server.js'
import { last, pause, scene, until } from './setup.js'

const { PostgresBackend } = buildBackend()

/** What was said, without the values that were asked for. */
const said = (lines: object[]) => JSON.stringify(lines.map((line) => ({ ...line, value: undefined })))
const SECRETS = new RegExp(`${USER}|${PASSWORD}|token-\\d-of-the-upstream`)

await withServer(t, async (server) => {
  const { control } = server
  const needsOwn = control === undefined && 'needs a server of its own: DATABASE_URL names one that is not to be disturbed'

  t.test(
    'a restarted server: the value is served meanwhile, nothing is fetched, and afterwards all hear again',
    { skip: needsOwn },
    async (t) => {
      const { upstream, loop, get } = await scene(t, server)
      const loops = Array.from({ length: 6 }, () => loop())
      await until(() => loops.every(({ lines }) => last(lines)?.value !== undefined))
      await control!.kill()
      await pause(1500)
      await control!.start()
      t.equal((await get({ REFRESH: '1' }).answered).value, 'token-2-of-the-upstream')
      await until(() => loops.every(({ lines }) => last(lines)?.value === 'token-2-of-the-upstream'))
      t.equal(upstream.count, 2)
      for (const { lines, process, exited } of loops) {
        t.strictSame(
          lines.flatMap(({ value }) => value ?? []),
          ['token-1-of-the-upstream', 'token-2-of-the-upstream'],
        )
        t.strictSame(
          lines.filter(({ error }) => error !== undefined),
          [],
        )
        t.ok(
          lines.some(({ warning }) => warning?.includes(`127.0.0.1:${control!.port}`)),
          'a warning names the place',
        )
        t.notMatch(said(lines), SECRETS)
        process.kill('SIGTERM')
        t.match(await exited, { code: 0, err: '' })
      }
    },
  )

  t.test('who listens hears after a restart that there was a gap, and then every change', { skip: needsOwn }, async (t) => {
    const table = { sql: server.table(), channel: 'odd "channel"' }
    const [backend, other] = [0, 1].map(() => new PostgresBackend({ connectionString: server.url }, table)) as [
      InstanceType<typeof PostgresBackend>,
      InstanceType<typeof PostgresBackend>,
    ]
    t.teardown(() => Promise.all([backend.close(), other.close()]))
    const heard: (string | undefined)[] = []
    await backend.subscribe((key) => heard.push(key))
    const change = async (key: string) => {
      const nonce = `nonce of ${key}`
      await other.acquire(key, { nonce, holder: 'host:1', leaseMs: 5000, fencingTokenFloor: 0 })
      await other.commit(key, nonce, { text: '{}', generation: 1 })
    }
    await change('BEFORE')
    await until(() => heard.length === 1)
    for (let round = 0; round < 2; round++) {
      await control!.restart()
      await until(() => heard.at(-1) === undefined)
      await change(`AFTER ${round}`)
      await until(() => heard.at(-1) === `AFTER ${round}`)
    }
    t.strictSame(heard, ['BEFORE', undefined, 'AFTER 0', undefined, 'AFTER 1'])
  })

  t.test(
    'a server that stands still: a missing value is an error in bounded time, and nothing is fetched behind its back',
    { skip: needsOwn },
    async (t) => {
      const { upstream, get, loop } = await scene(t, server)
      const waiting = loop()
      await until(() => last(waiting.lines)?.value !== undefined)
      control!.suspend()
      t.teardown(() => control!.resume())
      // A process that has no value yet.
      for (const answer of await Promise.all([get(), get({ REFRESH: '1' })].map((child) => child.answered))) {
        t.match(answer, { error: 'ERR_DOG_STORE', fetches: 0 })
        t.ok(answer.ms < 10_000)
        t.notMatch(said([answer]), SECRETS)
      }
      t.equal(upstream.count, 1)
      t.equal(last(waiting.lines)?.value, 'token-1-of-the-upstream')
      control!.resume()
      t.equal((await get().answered).value, 'token-1-of-the-upstream')
      t.equal(upstream.count, 1)
      waiting.process.kill('SIGTERM')
      t.match(await waiting.exited, { code: 0, err: '' })
    },
  )

  t.test('with localFallback a process fetches for itself, and its value is handed over', { skip: needsOwn }, async (t) => {
    const { upstream, get, loop, record } = await scene(t, server)
    const env = { STORE: '{"localFallback":true}' }
    await get(env).answered
    control!.suspend()
    t.teardown(() => control!.resume())
    const alone = loop(env)
    await until(() => last(alone.lines)?.value !== undefined)
    t.equal(last(alone.lines)?.value, 'token-2-of-the-upstream')
    t.ok(alone.lines.some(({ warning }) => warning?.includes('fetches for itself')))
    control!.resume()
    await until(async () => (await record()).value === 'token-2-of-the-upstream')
    t.equal((await get(env).answered).value, 'token-2-of-the-upstream')
    t.equal(upstream.count, 2)
    alone.process.kill('SIGTERM')
    t.match(await alone.exited, { code: 0, err: '' })
  })
})
