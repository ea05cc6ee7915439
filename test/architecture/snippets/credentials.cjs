// What the fetchers of the snippets are given. Nothing is fetched.
module.exports = async () => ({
  names: {
    corpId: 'ww0123456789abcdef',
    corpSecret: 'a secret',
    agentId: 1000002,
    tokenUrl: 'https://auth.example.com/token',
    clientId: 'client',
    clientSecret: 'a secret',
  },
})
