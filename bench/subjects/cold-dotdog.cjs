// One of many processes that start without a value. It calls get once, on command.
const { createDog } = require('dotdog')
const ask = require('./ask.cjs')
const { clock, listen, say } = require('./talk.cjs')

const [dir, port] = process.argv.slice(2)
const dog = createDog({ dir })
dog.init('ACCESS_TOKEN', async () => {
  const { access_token, expires_in } = await ask(port)
  return { value: access_token, expiresIn: expires_in }
})

listen(async () => {
  const value = await dog.get('ACCESS_TOKEN')
  say({ value, at: clock() })
})
say('ready')
