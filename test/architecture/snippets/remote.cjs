// A central server with the key SHOP_ACCESS_TOKEN, and a client's token for it.
const { createHash } = require('node:crypto')

module.exports = async (load) => {
  const { createDog, memoryStore } = load('dotdog')
  const { createServer } = load('dotdog/server')
  const dog = createDog({ store: memoryStore() })
  dog.init('SHOP_ACCESS_TOKEN', async () => ({ value: 'token', expiresIn: 7200 }))
  const token = 'a-client-token'
  const tokenSha256 = createHash('sha256').update(token).digest('hex')
  const server = createServer({ dog, clients: [{ name: 'shop', tokenSha256, keys: ['SHOP_*'] }] })
  process.env.DOTDOG_URL = await server.listen({ port: 0 })
  process.env.DOTDOG_TOKEN = token
  return { end: () => server.close() }
}
