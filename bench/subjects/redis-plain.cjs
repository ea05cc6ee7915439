// The minimum with ioredis: one process sets and publishes, the others get the message and read.
const { Redis } = require('ioredis')
const { clock, listen, say } = require('./talk.cjs')

const CHANNEL = 'plain'
const [url] = process.argv.slice(2)
const redis = new Redis(url)
const subscriber = new Redis(url)
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

let waiting
subscriber.on('message', async (_channel, key) => {
  if (waiting?.key !== key) return
  const { resolve } = waiting
  waiting = undefined
  resolve(await redis.get(key))
})

listen(async ({ key, ms }) => {
  const isHolder = (await redis.set(`${key}:lock`, process.pid, 'NX')) !== null
  let at
  let sent
  if (isHolder) {
    await pause(ms)
    sent = clock()
    await redis.multi().set(key, `${process.pid}`).publish(CHANNEL, key).exec()
  } else {
    await new Promise((resolve) => (waiting = { key, resolve }))
    at = clock()
  }
  await pause(100)
  say({ at, fetches: isHolder ? 1 : 0, ...(isHolder && { sent }) })
})
subscriber.subscribe(CHANNEL).then(() => say('ready'))
