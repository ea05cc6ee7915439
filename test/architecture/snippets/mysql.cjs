// The address of a database that nobody asks: none is needed to make a store.
module.exports = async () => {
  process.env.MYSQL_URL = 'mysql://user:password@127.0.0.1:3306/database'
  return {}
}
