// The store suite on a real Redis, for each way to give a store its connections.
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { Cluster, Redis } from 'ioredis'
import t from 'tap'
import { runSuite, type SuitePart } from '../support/store-suite.js'
import { engine, startCluster, startRedis } from './server.js'

const { redisStore }: typeof import('../../../src/redis/index.js') = createRequire(import.meta.url)(
  '../../../dist/redis/index.js',
)

const createPrefix = () => `dotdog-test-${randomUUID()}:`

const partAt = (url: string): SuitePart => {
  const prefix = createPrefix()
  return { open: () => redisStore({ url, prefix }) }
}

/** Every store gets a client of its own. */
const partWith = (createClient: () => Redis | Cluster): SuitePart => {
  const prefix = createPrefix()
  const clients: (Redis | Cluster)[] = []
  return {
    open: () => {
      const client = createClient()
      clients.push(client)
      return redisStore({ client, prefix })
    },
    end: () => {
      for (const client of clients) client.disconnect()
    },
  }
}

t.test('A store with a url passes the store suite', engine, async (t) => {
  const { url } = await startRedis(t)
  runSuite(t, () => partAt(url))
})

t.test('A store over a given client with a key prefix passes the store suite', engine, async (t) => {
  const { port } = await startRedis(t)
  runSuite(t, () => partWith(() => new Redis(port, { keyPrefix: 'app[1]*:', db: 3 })))
})

t.test('A store over a cluster of three masters passes the store suite', engine, async (t) => {
  const servers = await startCluster(t)
  const nodes = servers.map(({ port }) => ({ host: '127.0.0.1', port }))
  runSuite(t, () => partWith(() => new Cluster(nodes, { scaleReads: 'all' })))
})

const { REDIS_URL } = process.env
// A Redis of the user's choice, in addition.
if (REDIS_URL) {
  t.test('A store on the Redis of REDIS_URL passes the store suite', async (t) => {
    const admin = new Redis(REDIS_URL)
    runSuite(t, () => partAt(REDIS_URL))
    t.teardown(async () => {
      const names = await admin.keys('dotdog-test-*')
      for (const name of names) await admin.del(name)
      admin.disconnect()
    })
  })
}
