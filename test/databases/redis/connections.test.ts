import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Cluster, Redis } from 'ioredis'
import t from 'tap'
import { temporary } from '../../support/children.js'
import { freePort } from '../support/free-port.js'
import { engine, startRedis } from './server.js'

const require = createRequire(import.meta.url)
const { createDog }: typeof import('../../../index.js') = require('../../../dist/index.js')
const { redisStore }: typeof import('../../../src/redis/index.js') = require('../../../dist/redis/index.js')

/** Fetches one value through a store, and returns the keys that the store lists. */
async function keysAfterFetch(options: Parameters<typeof redisStore>[0]): Promise<string[]> {
  const store = redisStore(options)
  const dog = createDog({ store })
  try {
    dog.init('K', () => ({ value: 'a value', expiresIn: 7200 }))
    await dog.get('K')
    const keys: string[] = []
    for await (const key of store.keys()) keys.push(key)
    return keys
  } finally {
    await dog.close()
    await store.close()
  }
}

t.test('A user with only the documented rights suffices, and only for its own prefix', engine, async (t) => {
  const { admin, port } = await startRedis(t)
  const commands = 'hello auth evalsha eval hget hmget hset hdel del time publish subscribe ping scan'
  const rights = commands.split(' ').map((name) => `+${name}`)
  await admin.acl('SETUSER', 'app', 'on', '>a-password', '~dotdog:*', '&dotdog:*', '-@all', ...rights)
  t.same(await keysAfterFetch({ url: `redis://app:a-password@127.0.0.1:${port}` }), ['K'])
  await t.rejects(keysAfterFetch({ url: `redis://app:a-password@127.0.0.1:${port}`, prefix: 'other:' }), {
    code: 'ERR_DOG_STORE',
    key: 'K',
    message: /^127\.0\.0\.1:\d+: /,
  })
})

t.test(
  'A store queues no command on a given client that is disconnected, and works again once it is connected',
  engine,
  async (t) => {
    const redis = await startRedis(t)
    const client = new Redis(redis.url, { retryStrategy: () => 50, maxRetriesPerRequest: null })
    client.on('error', () => {})
    t.teardown(() => client.disconnect())
    const store = redisStore({ client })
    t.equal(await store.read('K'), undefined, 'it may still be connecting')
    await redis.kill()
    const until = async (is: string, so: boolean) => {
      while ((client.status === is) !== so) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await until('ready', false)
    const read = async () => {
      try {
        return await store.read('K')
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    t.same([...new Set(await Promise.all(Array.from({ length: 50 }, read)))], ['ERR_DOG_STORE'])
    const { length } = (client as unknown as { offlineQueue: unknown[] }).offlineQueue
    t.equal(length, 0, 'queued')
    await startRedis(t, { port: redis.port })
    await until('ready', true)
    t.equal(await read(), undefined)
  },
)

const hasOpenssl = spawnSync('openssl', ['version']).error === undefined
t.test(
  'A store connects over TLS, and rejects an unknown certificate',
  hasOpenssl ? engine : { skip: 'openssl is not installed: TLS is not tested here' },
  async (t) => {
    const dir = temporary((end) => t.teardown(end))
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
    const self = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost']
    execFileSync('openssl', [...self, '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    })
    const port = await freePort()
    const args = ['--tls-port', String(port), '--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no']
    await startRedis(t, { args })
    const url = `rediss://localhost:${port}`
    const ca = readFileSync(cert)
    t.same(await keysAfterFetch({ url, tls: { ca } }), ['K'])
    await t.rejects(keysAfterFetch({ url }), { code: 'ERR_DOG_STORE', message: /SELF_SIGNED/ })
    const client = new Redis(url, { tls: { ca } })
    t.same(await keysAfterFetch({ client }), ['K'])
    client.disconnect()
  },
)

t.test('A given client stays open when its store is closed', engine, async (t) => {
  const { port } = await startRedis(t)
  const client = new Redis(port, { lazyConnect: true, enableAutoPipelining: true })
  t.same(await keysAfterFetch({ client }), ['K'])
  t.equal(await client.ping(), 'PONG')
  client.disconnect()
  await t.rejects(keysAfterFetch({ client }), { code: 'ERR_DOG_STORE' }, 'a closed client is an error')
})

t.test('A read over a given client that never connects fails in bounded time', engine, async (t) => {
  const port = await freePort()
  const clients = [
    new Redis(port, { maxRetriesPerRequest: null }),
    new Cluster([{ port, host: '127.0.0.1' }], { clusterRetryStrategy: () => 100 }),
  ]
  for (const client of clients) {
    client.on('error', () => {})
    const begun = performance.now()
    await t.rejects(keysAfterFetch({ client }), { code: 'ERR_DOG_STORE' })
    t.ok(performance.now() - begun < 3000)
    client.disconnect()
  }
})

t.test('A store with the url of a cluster node fails with CLUSTERDOWN', engine, async (t) => {
  const { url, admin } = await startRedis(t, { args: ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())] })
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 100)
  await t.rejects(keysAfterFetch({ url }), { code: 'ERR_DOG_STORE', message: /CLUSTERDOWN/ })
})

t.test('Wrong options throw a TypeError that shows no secret', async (t) => {
  const cases: [unknown, RegExp][] = [
    [undefined, /options of redisStore must be an object/],
    [{}, /either url or client/],
    [{ url: 'redis://h', client: new Redis({ lazyConnect: true }) }, /either url or client/],
    [{ url: 6379 }, /url must be .*number/],
    [{ url: 'http://user:marked@h' }, /url must be .*string/],
    [{ url: 'marked' }, /url must be/],
    [{ url: 'redis://h', prefix: 'a{b}' }, /prefix must be/],
    [{ url: 'redis://h', prefix: 1 }, /prefix must be/],
    [{ url: 'redis://h', prefix: 'p'.repeat(101) }, /prefix must be/],
    [{ url: 'redis://h', localFallback: 'yes' }, /localFallback must be/],
    [{ url: 'redis://h', tls: 'marked' }, /tls must be/],
    [{ client: {} }, /client must be/],
    [{ client: 'marked' }, /client must be/],
  ]
  for (const [options, message] of cases) {
    try {
      redisStore(options as Parameters<typeof redisStore>[0])
      t.fail('it throws')
    } catch (error) {
      t.ok(error instanceof TypeError)
      t.match((error as Error).message, message)
      t.notMatch((error as Error).message, /marked/)
    }
  }
})

t.test('Without the package ioredis the error says what to install', async (t) => {
  const dist = join(import.meta.dirname, '../../../dist')
  const script = `
    const module_ = require('node:module')
    const resolve = module_._resolveFilename
    module_._resolveFilename = (name, ...rest) => resolve(name === 'ioredis' ? 'not-installed' : name, ...rest)
    const { redisStore } = require(${JSON.stringify(join(dist, 'redis/index.js'))})
    redisStore({ url: 'redis://localhost' }).read('K').catch((error) => console.log(error))
  `
  const { stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
  t.match(stdout, /ERR_DOG_STORE/)
  t.match(stdout, /npm install ioredis/)
})

t.test('A misspelt option throws a TypeError that names the right one', async (t) => {
  const misspelt = { url: 'redis://h', prefx: 'app:' } as Parameters<typeof redisStore>[0]
  t.throws(() => redisStore(misspelt), {
    name: 'TypeError',
    message: 'unknown option "prefx" of redisStore; did you mean "prefix"?',
  })
})
