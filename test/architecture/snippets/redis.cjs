// A fetcher for a key that nobody asks for: no Redis is needed to register it.
module.exports = async () => ({ names: { fetcher: async () => ({ value: 'token', expiresIn: 60 }) } })
