// A client of a server, and a place for its socket.
const { createHash } = require('node:crypto')
const { join } = require('node:path')

module.exports = async () => {
  const tokenSha256 = createHash('sha256').update('a client').digest('hex')
  const clients = [{ name: 'shop', tokenSha256, keys: ['*'] }]
  return { names: { clients, socketPath: join(process.env.SNIPPET_DIR, 'dotdog.sock') } }
}
