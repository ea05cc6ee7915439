// The scenarios: the folder when a run begins, the call, and the results that are allowed.
const { join } = require('node:path')
const { elsewhere, endFaults, load, real } = require('./failing.cjs')

const KEY = 'TOKEN'
const monotonic = () => Math.floor(Number(process.hrtime.bigint() / 1000000n))
const pause = (ms) => new Promise((end) => setTimeout(end, ms))
const record = (value, more) => ({
  ...{ dotdog: 1, key: KEY, value, fetchedAt: 1000, expiresAt: 2000 },
  ahead: 0,
  generation: 5,
  ...more,
})
const writeRecord = (dir, content) => real.writeFileSync(join(dir, 'TOKEN.dog'), content, { mode: 0o600 })
const makeFolder = (dir) => {
  for (const name of ['', '.lock', '.state']) real.mkdirSync(join(dir, name), { recursive: true, mode: 0o700 })
}
const expired = (dir) => {
  makeFolder(dir)
  writeRecord(dir, JSON.stringify(record('old')))
}

// The process scope, in which pids can be compared. The engine writes it into the name of each lock
// that it takes.
let processScope
let parentStart
async function learnProcessScope(root) {
  const dir = join(root, 'process-scope')
  const dog = load().createDog({ dir })
  dog.init(KEY, () => {
    processScope = real.readdirSync(join(dir, '.lock', KEY))[0].split('.')[1]
    return { value: 'v', expiresIn: 100 }
  })
  await dog.get(KEY)
  await dog.close()
  const text = real.readFileSync(`/proc/${process.ppid}/stat`, 'latin1')
  parentStart = text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
}
function lockBy(dir, pid, start) {
  real.mkdirSync(join(dir, '.lock', KEY), { recursive: true, mode: 0o700 })
  const name = ['7', processScope, pid, start, monotonic(), 30_000, '0123456789abcdef'].join('.')
  real.writeFileSync(join(dir, '.lock', KEY, name), ' ')
  return join(dir, '.lock', KEY, name)
}
/** A pid that no process has. */
const UNUSED_PID = 4_194_303

const goodFetcher = () => ({ value: 'new', expiresIn: 7200 })
const scenarios = {
  'no folder': { prepare: () => {}, accepts: ['new'] },
  'an expired record': { prepare: expired, accepts: ['new'] },
  'a fresh record': {
    prepare(dir) {
      makeFolder(dir)
      writeRecord(dir, JSON.stringify(record('new', { fetchedAt: Date.now(), expiresAt: Date.now() + 7_200_000 })))
    },
    accepts: ['new'],
  },
  'a due record': {
    prepare(dir) {
      makeFolder(dir)
      writeRecord(dir, JSON.stringify(record('old', { fetchedAt: 1000, expiresAt: Date.now() + 60_000, ahead: 300 })))
    },
    accepts: ['new', 'old'],
    settle: true,
  },
  'a damaged record': {
    prepare(dir) {
      makeFolder(dir)
      writeRecord(dir, '{"dotdog":1,"key":"TOK')
    },
    accepts: ['new'],
  },
  'a dead holder, and its stale files': {
    prepare(dir) {
      expired(dir)
      lockBy(dir, UNUSED_PID, '1')
      real.writeFileSync(join(dir, '.state/TOKEN.json.123456'), '{')
      const other = ['9', processScope, UNUSED_PID, '1', 5, 30_000, '0123456789abcdef'].join('.')
      real.mkdirSync(join(dir, '.lock', `~${other}`))
      real.writeFileSync(join(dir, '.lock', `~${other}`, other), ' ')
      real.mkdirSync(join(dir, '.lock/OTHER'))
      real.writeFileSync(join(dir, '.lock/OTHER', other), ' ')
    },
    accepts: ['new'],
    // A process that may not read /proc cannot tell who is alive, and gives the dead holder its 10
    // s of silence. That is too long for a sample.
    trusts: '/proc/',
  },
  'a living holder that commits': {
    prepare(dir) {
      expired(dir)
      const owner = lockBy(dir, process.ppid, parentStart)
      const commit = () => {
        real.writeFileSync(owner, JSON.stringify(record('theirs', { expiresAt: Date.now() + 7_200_000, generation: 7 })))
        real.renameSync(owner, join(dir, 'TOKEN.dog'))
        real.rmdirSync(join(dir, '.lock', KEY))
      }
      setTimeout(() => elsewhere(commit), 25)
    },
    accepts: ['theirs', 'new'],
    // The commit of the other process is not counted, and takes as long as it takes.
    settled: 35,
  },
  'a fetcher that fails': {
    prepare: expired,
    fetcher: () => {
      throw new Error('no answer')
    },
    accepts: [],
    errors: ['ERR_DOG_FETCH'],
  },
  'a dog that is made now': {
    prepare: expired,
    async call(_, dir) {
      const dog = load().createDog({ dir })
      dog.init(KEY, goodFetcher)
      return await dog.get(KEY).finally(() => dog.close())
    },
    accepts: ['new'],
  },
  'a folder shared with a group': { prepare: () => {}, options: { mode: 0o660 }, accepts: ['new'] },
  'a set': { prepare: expired, call: (dog) => dog.set(KEY, 'new', { expiresIn: 7200 }), accepts: [undefined] },
  'a removal': { prepare: expired, call: (dog) => dog.remove(KEY), accepts: [true, false] },
  'a forced refresh': {
    prepare(dir) {
      makeFolder(dir)
      writeRecord(dir, JSON.stringify(record('old', { fetchedAt: Date.now(), expiresAt: Date.now() + 7_200_000 })))
    },
    call: (dog) => dog.refresh(KEY, { force: true }),
    accepts: ['new'],
  },
  // A watcher reports the change, or polling finds it.
  'a change by another process': {
    prepare(dir) {
      makeFolder(dir)
      writeRecord(dir, JSON.stringify(record('old', { fetchedAt: Date.now(), expiresAt: Date.now() + 7_200_000 })))
    },
    async call(dog, dir, { to }) {
      const generations = []
      dog.on('change', ({ generation }) => generations.push(generation))
      await dog.get(KEY)
      await pause(10)
      const theirs = record('theirs', { fetchedAt: Date.now(), expiresAt: Date.now() + 7_200_000, generation: 7 })
      elsewhere(() => {
        real.writeFileSync(join(dir, '.lock/next'), JSON.stringify(theirs), { mode: 0o600 })
        real.renameSync(join(dir, '.lock/next'), join(dir, 'TOKEN.dog'))
      })
      // While no call succeeds the change cannot be seen.
      if (to === Number.POSITIVE_INFINITY) setTimeout(endFaults, 150)
      const end = performance.now() + 5000
      while (!generations.includes(7) && performance.now() < end) {
        await pause(20)
        await dog.get(KEY).catch(() => {})
      }
      return generations.includes(7) ? await dog.get(KEY).catch(() => 'theirs') : `saw ${generations}`
    },
    accepts: ['theirs', 'new'],
    watches: true,
  },
  // Longer than a heartbeat, and the next one, which is tried a second later. Calls are counted
  // from the fetch on.
  'a slow fetch': {
    isLong: true,
    prepare: expired,
    fetcher: () => pause(3300).then(goodFetcher),
    fromFetch: true,
    accepts: ['new'],
    keeps: true,
  },
}

module.exports = { KEY, goodFetcher, learnProcessScope, pause, scenarios }
