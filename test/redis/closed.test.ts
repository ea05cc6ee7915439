import { createRequire } from 'node:module'
import t from 'tap'
import { engine, startRedis } from './server.js'

const require = createRequire(import.meta.url)
const { redisStore }: typeof import('../../src/stores/redis/index.js') = require('../../dist/stores/redis/index.js')

t.test('a store that was closed makes no connection again, whatever was under way', engine, async (t) => {
  const { admin, url } = await startRedis(t)
  const [holder, waiter] = [redisStore({ url }), redisStore({ url })]
  t.teardown(() => holder.close())
  const lease = await holder.take('K', 30)
  const left = new AbortController()
  const underWay: unknown[] = [
    waiter.read('K'),
    waiter.settled('K', undefined, left.signal),
    waiter.settled('L', 1, left.signal),
  ]
  await new Promise((resolve) => setTimeout(resolve, 100))
  underWay.push(waiter.read('K'), waiter.ledger('K'))
  const stop = waiter.watch!(() => {})
  const settled = Promise.allSettled(underWay)
  await waiter.close()
  await new Promise((resolve) => setTimeout(resolve, 700))
  left.abort()
  await settled
  stop()
  await t.rejects(async () => await waiter.read('K'), { code: 'ERR_DOG_STORE', message: /closed/ })
  await lease!.release()
  await holder.close()
  const clients = String(await admin.client('LIST'))
    .trim()
    .split('\n')
  t.equal(clients.length, 1, 'the one that asks')
})
