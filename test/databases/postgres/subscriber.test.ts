// A subscription to changes across restarts of the server.
import t from 'tap'
import { buildBackend } from '../support/built-backend.js'
import { until } from '../support/workers.js'
import { withServer } from './server.js'

const { PostgresBackend } = buildBackend('postgres')

await withServer(t, async (server) => {
  const { control } = server
  const needsOwn = control === undefined && 'needs a server of its own: DATABASE_URL names one that must not be disturbed'

  t.test('A subscriber is notified of the gap after a restart, and then of every change', { skip: needsOwn }, async (t) => {
    const table = { sql: server.table(), channel: 'odd "channel"' }
    const [backend, other] = [0, 1].map(() => new PostgresBackend({ connectionString: server.url }, table)) as [
      InstanceType<typeof PostgresBackend>,
      InstanceType<typeof PostgresBackend>,
    ]
    t.teardown(() => Promise.all([backend.close(), other.close()]))
    const notified: (string | undefined)[] = []
    await backend.subscribe((key) => notified.push(key))
    const change = async (key: string) => {
      const nonce = `nonce of ${key}`
      await other.acquire(key, { nonce, holder: 'host:1', leaseMs: 5000, fencingTokenFloor: 0 })
      await other.commit(key, nonce, { text: '{}', generation: 1 })
    }
    await change('BEFORE')
    await until(() => notified.length === 1)
    for (let round = 0; round < 2; round++) {
      await control!.restart()
      await until(() => notified.at(-1) === undefined)
      await change(`AFTER ${round}`)
      await until(() => notified.at(-1) === `AFTER ${round}`)
    }
    t.strictSame(notified, ['BEFORE', undefined, 'AFTER 0', undefined, 'AFTER 1'])
  })
})
