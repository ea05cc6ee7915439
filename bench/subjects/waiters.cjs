// The CPU of a process from its `get` until it has the value that another process fetched.
const { createDog } = require('dotdog')
const { listen, say } = require('./talk.cjs')

const [dir, role] = process.argv.slice(2)
const dog = createDog({ dir })
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const tasks = {
  holder({ key, ms }) {
    dog.init(key, async () => {
      say('fetching')
      await pause(ms)
      return { value: 'T', expiresIn: 7200 }
    })
    return dog.get(key)
  },
  waiter({ key }) {
    dog.init(key, async () => {
      throw new Error('the holder fetches')
    })
    return dog.get(key)
  },
  idle: ({ ms }) => pause(ms),
}

listen(async (order) => {
  const before = process.cpuUsage()
  const from = process.hrtime.bigint()
  await tasks[role](order)
  const { user, system } = process.cpuUsage(before)
  say({ cpu: (user + system) / 1e6, seconds: Number(process.hrtime.bigint() - from) / 1e9 })
})
say('ready')
