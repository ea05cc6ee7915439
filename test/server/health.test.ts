import t from 'tap'
import type { Dog } from '../../index.js'
import { createDog, memoryStore, newClient, served } from './setup.js'

t.test('/healthz says degraded while a fetch fails, and tells which key only to a client that may read it', async (t) => {
  const [all, other] = [newClient('all'), newClient('other', { keys: ['OTHER'] })]
  const { ask, dog, upstream } = await served(t, { clients: [all.config, other.config] })
  t.same((await ask('/healthz')).json, { status: 'ok' })
  t.same((await ask('/healthz', all)).json, { status: 'ok', keys: [] })
  await dog.get('TOKEN')
  upstream.fail = Object.assign(new Error('the upstream is down'), { details: { hint: 'start it' } })
  await t.rejects(dog.refresh('TOKEN', { force: true }))
  await new Promise((resolve) => setTimeout(resolve, 1100))
  const { status, json } = await ask('/healthz')
  t.equal(status, 200, 'a degraded process is alive')
  t.same(json, { status: 'degraded' })
  const [key] = (await ask('/healthz', all)).json.keys as object[]
  t.match(key, {
    key: 'TOKEN',
    state: 'fresh',
    code: 'ERR_DOG_FETCH',
    message: /the upstream is down/,
    since: Number,
    details: { hint: 'start it' },
  })
  t.same((await ask('/healthz', other)).json, { status: 'degraded', keys: [] })
  t.equal((await ask('/healthz', { token: 'unknown' })).status, 401)
  upstream.fail = undefined
  await dog.refresh('TOKEN', { force: true })
  await new Promise((resolve) => setTimeout(resolve, 1100))
  t.same((await ask('/healthz')).json, { status: 'ok' })
})

t.test('/readyz is 503 while a key that was asked for has no valid value', async (t) => {
  const [all, other] = [newClient('all'), newClient('other', { keys: ['OTHER'] })]
  const { ask, dog, upstream } = await served(t, { clients: [all.config, other.config] })
  t.match(await ask('/readyz'), { status: 200, json: { status: 'ready' } }, 'nobody asked for the key yet')
  upstream.fail = new Error('the upstream is down')
  await t.rejects(dog.get('TOKEN'))
  await new Promise((resolve) => setTimeout(resolve, 1100))
  const anonymous = await ask('/readyz')
  t.equal(anonymous.status, 503)
  t.same(anonymous.json, { status: 'not_ready' })
  t.match(await ask('/readyz', all), { status: 503, json: { valid: [], lacking: [{ key: 'TOKEN', code: 'ERR_DOG_FETCH' }] } })
  t.match(await ask('/readyz', other), { status: 200, json: { status: 'ready', valid: [] } }, 'a client asks for its own keys')
  upstream.fail = undefined
  await dog.refresh('TOKEN', { force: true })
  await new Promise((resolve) => setTimeout(resolve, 1100))
  t.match(await ask('/readyz', all), { status: 200, json: { status: 'ready', valid: ['TOKEN'] } })
})

t.test('A store that does not answer makes the server degraded and not ready, and keeps no probe waiting', async (t) => {
  const dog = createDog({ store: memoryStore() })
  let isHanging = false
  const status = dog.status.bind(dog)
  const hanging: Dog = { ...dog, status: () => (isHanging ? new Promise(() => {}) : status()) }
  const { ask } = await served(t, { dog: hanging })
  isHanging = true
  t.match(await ask('/healthz'), { status: 200, json: { status: 'degraded' } })
  t.match(await ask('/readyz'), { status: 503, json: { status: 'not_ready' } })
})
