// One of many processes that share a key in Redis. The process that fetches records the time just
// before it sends its commit.
const { Redis } = require('ioredis')
const { clock, listen, say } = require('./talk.cjs')

let sent
const { evalsha, eval: evaluate } = Redis.prototype
const noting = (send) =>
  function (...args) {
    // Only a commit sends the text of a record.
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
  // Reported when all processes have their answer, because a report would delay the others.
  await new Promise((resolve) => setTimeout(resolve, 100))
  say({ at, value, fetches, ...(fetches > 0 && { sent }) })
})
say('ready')
