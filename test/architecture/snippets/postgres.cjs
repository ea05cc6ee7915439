// The address of a database that nobody asks: none is needed to make a store.
module.exports = async () => {
  process.env.DATABASE_URL = 'postgres://user:password@127.0.0.1:5432/database'
  return {}
}
