import { createRequire } from 'node:module'
// Steps that Redis does in part, or does late.
import t from 'tap'
import { ACQUIRE } from '../../../src/redis/scripts.js'
import { pause, until } from '../support/workers.js'
import { engine, startRedis } from './server.js'

const require = createRequire(import.meta.url)
const { createDog }: typeof import('../../../index.js') = require('../../../dist/index.js')
const { redisStore }: typeof import('../../../src/redis/index.js') = require('../../../dist/redis/index.js')

for (const lacks of [['resetchannels'], ['resetchannels', '-hdel']]) {
  t.test(`A commit that Redis has done succeeds, even if Redis refuses the commands after it: ${lacks}`, engine, async (t) => {
    const { admin, port, url } = await startRedis(t)
    await admin.acl('SETUSER', 'limited', 'on', '>word', '~*', '&*', '+@all', ...lacks)
    const stores = [`redis://limited:word@127.0.0.1:${port}`, url].map((at) => redisStore({ url: at }))
    const dog = createDog({ store: stores[0]! })
    t.teardown(async () => {
      await dog.close()
      await Promise.all(stores.map((store) => store.close()))
    })
    const warnings: string[] = []
    dog.on('warning', ({ message }) => warnings.push(message))
    await dog.set('K', 'set', { expiresIn: 60 })
    t.equal((await stores[1]!.read('K'))?.value, 'set')
    dog.init('L', async () => ({ value: 'fetched', expiresIn: 60 }))
    t.equal(await dog.get('L'), 'fetched')
    t.equal((await stores[1]!.read('L'))?.value, 'fetched')
    t.same(warnings, [])
  })
}

t.test('A lease that a resumed Redis grants to a store that gave up waiting is released', engine, async (t) => {
  const server = await startRedis(t)
  const store = redisStore({ url: server.url })
  t.teardown(() => store.close())
  // Redis knows the script that takes a lease, and none that ends one.
  await server.admin.script('LOAD', ACQUIRE.lua)
  await store.read('K')
  await server.pause()
  await t.rejects(store.acquire('K', 30), { code: 'ERR_DOG_STORE' })
  await pause(700)
  server.resume()
  await until(async () => Boolean(await server.admin.hget('dotdog:{K}:state', 'drawn')), { what: 'it was done' })
  await until(async () => !(await server.admin.hexists('dotdog:{K}:state', 'nonce')), { what: 'it is undone', timeoutMs: 3000 })
})
