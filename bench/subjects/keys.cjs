// Folders with many keys: one get of a new dog, all keys in memory, status() of all keys.
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { createDog } = require('dotdog')
const { clock, listen, say } = require('./talk.cjs')

const kept = []

const heap = () => {
  for (let turn = 0; turn < 3; turn++) globalThis.gc()
  return process.memoryUsage().heapUsed
}

const fetcher = async () => {
  throw new Error('every key is fresh')
}

const tasks = {
  /** Milliseconds of a dog's first `get`. */
  async cold({ dir, key }) {
    const from = clock()
    const dog = createDog({ dir })
    dog.init(key, fetcher)
    await dog.get(key)
    say({ ms: clock() - from })
  },
  /** Bytes of heap used by all keys after init and one get of each. */
  async idle({ dir, keys }) {
    const dog = createDog({ dir })
    kept.push(dog)
    const before = heap()
    for (const key of keys) {
      dog.init(key, fetcher)
      await dog.get(key)
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
    say({ bytes: heap() - before })
  },
  /** Bytes of heap used by a Map from keys to values, which is the minimum of any cache. */
  async values({ dir, keys }) {
    const before = heap()
    const values = new Map()
    kept.push(values)
    for (const key of keys) values.set(key, JSON.parse(readFileSync(join(dir, `${key}.dog`), 'utf8')).value)
    say({ bytes: heap() - before })
  },
  async status({ dir }) {
    const dog = createDog({ dir })
    const times = []
    for (let call = 0; call < 3; call++) {
      const from = clock()
      const all = await dog.status()
      times.push(clock() - from)
      if (call === 0) say({ count: all.length })
    }
    say({ times })
  },
}

listen(({ task, ...rest }) => tasks[task](rest))
say('ready')
