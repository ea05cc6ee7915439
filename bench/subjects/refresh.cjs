// A refresh as others see it. The process that fetches notes the very moment of the rename: what it would note after its own
// `refresh` returned is later.
const fs = require('node:fs')
const { clock, listen, say } = require('./talk.cjs')

let renamed = 0
const { renameSync } = fs
fs.renameSync = (from, to) => {
  const at = clock()
  renameSync(from, to)
  if (to.endsWith('.dog')) renamed = at
}

const { createDog } = require('dotdog')
const [dir] = process.argv.slice(2)
const dog = createDog({ dir })
let fetched = 0

const roles = {
  /** Fetches nothing but what it is told to. */
  async refresh({ key }) {
    await dog.refresh(key)
    say({ value: dog.peek(key).value, renamed })
  },
  /** All ask at once for a key that is not there: one fetches, the others wait. */
  async wait({ key, ms }) {
    const before = fetched
    register(key, ms)
    const value = await dog.get(key)
    const at = clock()
    // Reported when all have their answer: a report is no part of it, and would hold up those who come later.
    await new Promise((resolve) => setTimeout(resolve, 60))
    say({ at, value, ...(fetched > before && { renamed }) })
  },
  /** Asks at times of its own until it sees another value than the last. */
  async idle({ key, last }) {
    register(key, 0)
    let stale = 0
    for (;;) {
      const asked = clock()
      const value = await dog.get(key)
      if (value !== last) return say({ value, at: clock(), stale })
      stale = asked
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
    }
  },
  async change({ key }) {
    register(key, 0)
    await dog.get(key)
    dog.on('change', ({ key: changed, generation }) => say({ at: clock(), changed, generation }))
    say('listening')
  },
}

function register(key, ms) {
  dog.init(key, async () => {
    fetched++
    await new Promise((resolve) => setTimeout(resolve, ms))
    return { value: `${process.pid}-${fetched}`, expiresIn: 7200 }
  })
}

listen((order) => {
  if (order.role === 'refresh') register(order.key, 0)
  roles[order.role](order)
})
say('ready')
