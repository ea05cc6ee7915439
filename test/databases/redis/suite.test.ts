import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { Cluster, Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { runStoreSuite } from '../../support/run-store-suite.js'
import { engine, startCluster, startRedis } from './server.js'

const { redisStore }: typeof import('../../../src/redis/index.js') = createRequire(import.meta.url)(
  '../../../dist/redis/index.js',
)

type Options = Parameters<typeof redisStore>[0]

/** The suite, with a prefix of its own for every test. `end` is for what the options hold. */
function suite(t: Test, options: () => Options, end: (options: Options) => void = () => {}): void {
  runStoreSuite(t, {
    factory: async () => {
      const prefix = `dotdog-test-${randomUUID()}:`
      const all: Options[] = []
      const open = async () => {
        all.push(options())
        const store = redisStore({ prefix, ...all.at(-1)! })
        stores.push(store)
        return store
      }
      const stores: ReturnType<typeof redisStore>[] = []
      return {
        store: await open(),
        open,
        close: async () => {
          await Promise.all(stores.map((store) => store.close()))
          for (const one of all) end(one)
        },
      }
    },
    supports: { holder: true, watch: true, persistent: true },
  })
}

t.test('Redis', engine, async (t) => {
  const { url } = await startRedis(t)
  suite(t, () => ({ url }))
})

t.test('a client that was given, with names of its own', engine, async (t) => {
  const { port } = await startRedis(t)
  suite(
    t,
    () => ({ client: new Redis(port, { keyPrefix: 'app[1]*:', db: 3 }) }),
    ({ client }) => client!.disconnect(),
  )
})

t.test('a cluster of three masters', engine, async (t) => {
  const servers = await startCluster(t)
  suite(
    t,
    () => ({
      client: new Cluster(
        servers.map(({ port }) => ({ host: '127.0.0.1', port })),
        { scaleReads: 'all' },
      ),
    }),
    ({ client }) => client!.disconnect(),
  )
})

const { REDIS_URL } = process.env
// Another one, if there is another.
if (REDIS_URL) {
  t.test('the Redis of REDIS_URL', async (t) => {
    const admin = new Redis(REDIS_URL)
    suite(t, () => ({ url: REDIS_URL }))
    t.teardown(async () => {
      const left = await admin.keys('dotdog-test-*')
      for (const name of left) await admin.del(name)
      admin.disconnect()
    })
  })
}
