// Reads a value in memory repeatedly. Each subject has its own process, so that no other subject warms
// or deoptimises its code.
import { createRequire } from 'node:module'
import { listen, say } from './talk.cjs'

const require = createRequire(import.meta.url)
const [name, folder] = process.argv.slice(2)
const KEY = 'ACCESS_TOKEN'
const TOKEN = 'T'.repeat(136)
const TWO_HOURS = 7_200_000

const SUBJECTS = {
  async dotdog() {
    const { createDog } = require('dotdog')
    const dog = createDog({ dir: folder })
    dog.init(KEY, async () => ({ value: TOKEN, expiresIn: 7200 }))
    const { get } = dog
    return () => get(KEY)
  },
  async 'dotdog peek'() {
    const { createDog } = require('dotdog')
    const dog = createDog({ dir: folder })
    dog.init(KEY, async () => ({ value: TOKEN, expiresIn: 7200 }))
    await dog.get(KEY)
    const { peek } = dog
    return () => peek(KEY).value
  },
  async 'lru-cache'() {
    const { LRUCache } = await import('lru-cache')
    const cache = new LRUCache({ max: 1000, ttl: TWO_HOURS, fetchMethod: async () => TOKEN })
    return () => cache.fetch(KEY)
  },
  async 'lru-cache get'() {
    const { LRUCache } = await import('lru-cache')
    const cache = new LRUCache({ max: 1000, ttl: TWO_HOURS })
    cache.set(KEY, TOKEN)
    return () => cache.get(KEY)
  },
  async 'cache-manager'() {
    const { createCache } = await import('cache-manager')
    const cache = createCache({ ttl: TWO_HOURS })
    return () => cache.wrap(KEY, async () => TOKEN)
  },
  async 'async-cache-dedupe'() {
    const { createCache } = require('async-cache-dedupe')
    const cache = createCache({ ttl: TWO_HOURS / 1000, storage: { type: 'memory' } }).define('token', async () => TOKEN)
    return () => cache.token(KEY)
  },
  async bentocache() {
    const { BentoCache, bentostore } = await import('bentocache')
    const { memoryDriver } = await import('bentocache/drivers/memory')
    const store = bentostore().useL1Layer(memoryDriver({ maxItems: 1000 }))
    const bento = new BentoCache({ default: 'memory', stores: { memory: store } })
    return () => bento.getOrSet({ key: KEY, ttl: TWO_HOURS, factory: async () => TOKEN })
  },
  async 'p-memoize'() {
    const { default: pMemoize } = await import('p-memoize')
    const memoized = pMemoize(async () => TOKEN)
    return () => memoized(KEY)
  },
  async guard_dog() {
    const { init, get } = require('guard_dog')
    init(KEY, (handler) => handler(TOKEN, 7200), folder)
    return () => new Promise((resolve) => get(KEY, resolve))
  },
  async 'co-wechat-api'() {
    const API = require('co-wechat-api')
    const api = new API('appid', 'secret')
    await api.saveToken({ accessToken: TOKEN, expireTime: Date.now() + TWO_HOURS })
    return async () => (await api.ensureAccessToken()).accessToken
  },
}

const ask = await SUBJECTS[name]()
if ((await ask()) !== TOKEN) throw new Error(`${name} did not return the value`)

async function tight(calls) {
  for (let call = 0; call < calls; call++) await ask()
}

async function turning(calls) {
  for (let call = 0; call < calls; call++) {
    if (call % 100 === 0) await new Promise(setImmediate)
    await ask()
  }
}

function sync(calls) {
  for (let call = 0; call < calls; call++) kept = ask()
}

let kept
const MODES = { tight, turning, sync }

listen(async ({ mode, calls }) => {
  const from = process.hrtime.bigint()
  await MODES[mode](calls)
  const ns = Number(process.hrtime.bigint() - from) / calls
  say({ ns, kept: typeof kept })
})
say('ready')
