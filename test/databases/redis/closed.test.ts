import { createRequire } from 'node:module'
import t from 'tap'
import { closeInUse } from '../../support/close-in-use.js'
import { engine, startRedis } from './server.js'

const require = createRequire(import.meta.url)
const { redisStore }: typeof import('../../../src/redis/index.js') = require('../../../dist/redis/index.js')

t.test('a store that was closed makes no connection again, whatever was under way', engine, async (t) => {
  const { admin, url } = await startRedis(t)
  const [holder, waiter] = [redisStore({ url }), redisStore({ url })]
  t.teardown(() => holder.close())
  await closeInUse(t, holder, waiter)
  await holder.close()
  const clients = String(await admin.client('LIST'))
    .trim()
    .split('\n')
  t.equal(clients.length, 1, 'the one that asks')
})
