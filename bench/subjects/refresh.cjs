// A refresh as other processes see it. The process that fetches records the time of the rename. A time
// taken after its own `refresh` returned would be later.
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
  /** Fetches on command only. */
  async refresh({ key }) {
    await dog.refresh(key)
    say({ value: dog.peek(key).value, renamed })
  },
  /** All processes get a missing key at once: one fetches, the others wait. */
  async wait({ key, ms }) {
    const before = fetched
    register(key, ms)
    const value = await dog.get(key)
    const at = clock()
    // Reported when all processes have their answer, because a report would delay the others.
    await new Promise((resolve) => setTimeout(resolve, 60))
    say({ at, value, ...(fetched > before && { renamed }) })
  },
  /** Calls get at random times until it returns a new value. */
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
