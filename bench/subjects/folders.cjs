// One folder with a key for each user: fetches beside them, forgetting them, and status() of all.
const { createDog } = require('dotdog')
const { clock, listen, say } = require('./talk.cjs')

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const noFetcher = async () => {
  throw new Error('every key is fresh')
}

async function heap() {
  for (let round = 0; round < 4; round++) {
    await pause(20)
    globalThis.gc()
  }
  return process.memoryUsage().heapUsed
}

async function use(dog, from, count) {
  for (let at = from; at < from + count; at++) {
    dog.init(`USER_${at}`, noFetcher)
    await dog.get(`USER_${at}`)
  }
}

function forget(dog, from, count) {
  for (let at = from; at < from + count; at++) dog.forget(`USER_${at}`)
}

/** Milliseconds since a moment, of the clock and of this process's CPU. */
const since = ({ at, cpu }) => {
  const { user, system } = process.cpuUsage(cpu)
  return { ms: clock() - at, cpuMs: (user + system) / 1000 }
}
const moment = () => ({ at: clock(), cpu: process.cpuUsage() })
const longer = (a, b) => ({ ms: Math.max(a.ms, b.ms), cpuMs: Math.max(a.cpuMs, b.cpuMs) })

/** What a task takes, and the longest time in which the event loop did not turn. */
async function blocksOf(task) {
  let block = { ms: 0, cpuMs: 0 }
  let isOver = false
  await new Promise(setImmediate)
  const from = moment()
  let last = from
  const turn = () => {
    block = longer(block, since(last))
    last = moment()
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  const all = await task()
  isOver = true
  const whole = since(from)
  turn()
  return { count: all.length, whole, block }
}

const dogs = new Map()

const tasks = {
  /** Milliseconds of one fetch, with an upstream that answers at once. */
  async fetch({ dir }) {
    let dog = dogs.get(dir)
    if (dog === undefined) {
      dogs.set(dir, (dog = createDog({ dir })))
      dog.init('FETCHED', async () => ({ value: 'v', expiresIn: 7200 }))
    }
    const from = clock()
    await dog.refresh('FETCHED', { force: true })
    say({ ms: clock() - from })
  },
  /** Bytes of heap before the keys are used, while they are, and after they were forgotten. */
  async forget({ dir, keys }) {
    const dog = createDog({ dir })
    await use(dog, 0, 2000)
    forget(dog, 0, 2000)
    const before = await heap()
    await use(dog, 0, keys)
    const full = await heap()
    forget(dog, 0, keys)
    say({ before, full, after: await heap() })
  },
  async strangers({ dir }) {
    const dog = createDog({ dir })
    say(await blocksOf(() => dog.status()))
  },
  async registered({ dir, keys }) {
    const dog = createDog({ dir })
    await use(dog, 0, keys)
    say(await blocksOf(() => dog.status()))
  },
}

listen(({ task, ...rest }) => tasks[task](rest))
say('ready')
