// A process that uses one key in a database. Its environment says how:
// * ENGINE: `redis`, `postgres` or `mysql`. STORE: the options of the store, as JSON.
// * POOL: the URL of a pg.Pool to give to the store (postgres only).
// * URL: of the upstream. KEY: default `TOKEN`.
// * TIMEOUT: timeout of the key, in seconds, default 30. OPTIONS: more options of the key, as JSON.
// * START: epoch milliseconds at which several processes begin in the same millisecond.
// * FOLLOWER: the key has no fetcher. IGNORE_ABORT: the fetcher never gives up its request.
// * REFRESH: the options of a `refresh`, as JSON, which replaces the `get`.
// * LOOP: milliseconds between two gets, until SIGTERM. Default: one get, and the process ends.
// * WATCH: a loop also listens for `change` events, for which it needs a subscription.
// It prints one line of JSON for its outcome. In a loop it prints one for each new outcome, each
// warning and each change, and a last one at SIGTERM.
const { inspect } = require('node:util')
const ask = require('../../support/fixtures/fetch-from-upstream.cjs')
const { createDog } = require('../../../dist/index.js')
const { redisStore } = require('../../../dist/redis/index.js')
const { postgresStore } = require('../../../dist/postgres/index.js')
const { mysqlStore } = require('../../../dist/mysql/index.js')

const env = process.env

function createStore() {
  const options = JSON.parse(env.STORE)
  if (env.ENGINE === 'redis') return redisStore(options)
  if (env.ENGINE === 'mysql') return mysqlStore(options)
  if (!env.POOL) return postgresStore(options)
  const pool = new (require('pg').Pool)({ connectionString: env.POOL, allowExitOnIdle: true })
  return postgresStore({ pool, table: options.table })
}

const counts = { fetches: 0, fetched: 0, waited: 0, takeovers: 0, aborted: 0, warnings: [] }
const store = createStore()
const dog = createDog({ store })
dog.on('refresh', () => counts.fetched++)
dog.on('wait', () => counts.waited++)
dog.on('takeover', () => counts.takeovers++)
dog.on('warning', ({ message }) => counts.warnings.push(message))

const key = env.KEY ?? 'TOKEN'
const options = { timeout: Number(env.TIMEOUT ?? 30), ...JSON.parse(env.OPTIONS ?? '{}') }
const fetcher = (context) => {
  counts.fetches++
  context.signal.addEventListener('abort', () => counts.aborted++)
  return ask(env.IGNORE_ABORT ? {} : context)
}
if (!env.FOLLOWER) dog.init(key, fetcher, options)

let begunAt = 0
const print = (line) => {
  const ms = Math.round(performance.now() - begunAt)
  console.log(JSON.stringify({ ...line, ...counts, at: Date.now(), ms }))
}
const outcome = () =>
  (env.REFRESH ? dog.refresh(key, JSON.parse(env.REFRESH)) : dog.get(key)).then(
    (value) => ({ value }),
    ({ code, message, stack, cause }) => ({
      error: code,
      message: `${message} ${cause ? inspect(cause) : ''}`,
      stack: `${stack} ${cause?.stack}`,
    }),
  )

async function loop() {
  let isOver = false
  process.on('SIGTERM', () => (isOver = true))
  if (env.WATCH) dog.on('change', ({ generation }) => print({ change: generation }))
  dog.on('warning', ({ message }) => print({ warning: message }))
  let last = ''
  while (!isOver) {
    const line = await outcome()
    const seen = `${line.value} ${line.error}`
    if (seen !== last) print(line)
    last = seen
    await new Promise((resolve) => setTimeout(resolve, Number(env.LOOP)))
  }
  print({})
  await dog.close()
  await store.close()
}

async function begin() {
  while (Date.now() < Number(env.START ?? 0));
  begunAt = performance.now()
  if (env.LOOP) await loop()
  else print(await outcome())
}
// The client package is loaded beforehand, so that loading does not spread the beginnings.
if (env.START) require({ redis: 'ioredis', postgres: 'pg', mysql: 'mysql2' }[env.ENGINE])
// The last milliseconds are a busy loop, so that all processes begin in the same one.
setTimeout(begin, Math.max(0, Number(env.START ?? 0) - Date.now() - 10))
