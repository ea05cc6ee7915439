// One of many processes that share a key in Redis. The one that fetches notes the moment before it sends its commit.
const { Redis } = require('ioredis')
const { clock, listen, say } = require('./talk.cjs')

let sent
const { evalsha, eval: evaluate } = Redis.prototype
const noting = (send) =>
  function (...args) {
    // The text of a record is sent by a commit only.
    if (args.some((arg) => String(arg).startsWith('{"dotdog"') && String(arg).includes('"value"'))) sent = clock()
    return send.apply(this, args)
  }
Object.assign(Redis.prototype, { evalsha: noting(evalsha), eval: noting(evaluate) })

const { createDog } = require('dotdog')
const { redisStore } = require('dotdog/redis')
const [url] = process.argv.slice(2)
const dog = createDog({ store: redisStore({ url }) })

listen(async ({ key, ms }) => {
  let fetches = 0
  sent = undefined
  dog.init(key, async () => {
    fetches++
    await new Promise((resolve) => setTimeout(resolve, ms))
    return { value: `${process.pid}`, expiresIn: 7200 }
  })
  const value = await dog.get(key)
  const at = clock()
  // Reported when all have their answer: a report is no part of it, and would hold up those who come later.
  await new Promise((resolve) => setTimeout(resolve, 100))
  say({ at, value, fetches, ...(fetches > 0 && { sent }) })
})
say('ready')
