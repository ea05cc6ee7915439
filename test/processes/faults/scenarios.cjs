// What a folder looks like when a run begins, what is asked for, and what may come of it.
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

// Where pids can be compared, as the engine itself says in the name of a lock that it takes.
let place
let parentStart
async function learnPlace(root) {
  const dir = join(root, 'place')
  const dog = load().createDog({ dir })
  dog.init(KEY, () => {
    place = real.readdirSync(join(dir, '.lock', KEY))[0].split('.')[1]
    return { value: 'v', expiresIn: 100 }
  })
  await dog.get(KEY)
  await dog.close()
  const text = real.readFileSync(`/proc/${process.ppid}/stat`, 'latin1')
  parentStart = text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
}
function lockBy(dir, pid, start) {
  real.mkdirSync(join(dir, '.lock', KEY), { recursive: true, mode: 0o700 })
  const name = ['7', place, pid, start, monotonic(), 30_000, '0123456789abcdef'].join('.')
  real.writeFileSync(join(dir, '.lock', KEY, name), ' ')
  return join(dir, '.lock', KEY, name)
}
/** A pid that nobody has. */
const NOBODY = 4_194_303

const good = () => ({ value: 'new', expiresIn: 7200 })
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
  'a dead holder, and its litter': {
    prepare(dir) {
      expired(dir)
      lockBy(dir, NOBODY, '1')
      real.writeFileSync(join(dir, '.state/TOKEN.json.123456'), '{')
      const other = ['9', place, NOBODY, '1', 5, 30_000, '0123456789abcdef'].join('.')
      real.mkdirSync(join(dir, '.lock', `~${other}`))
      real.writeFileSync(join(dir, '.lock', `~${other}`, other), ' ')
      real.mkdirSync(join(dir, '.lock/OTHER'))
      real.writeFileSync(join(dir, '.lock/OTHER', other), ' ')
    },
    accepts: ['new'],
    // Who may not read /proc has no neighbours there: the dead holder is given its 10 s of silence, too long for a sample.
    trusts: '/proc/',
  },
  'a living holder, who commits': {
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
    // What the other does is its own business, and takes as long as it takes.
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
      dog.init(KEY, good)
      return await dog.get(KEY).finally(() => dog.close())
    },
    accepts: ['new'],
  },
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
  // Told by a watcher, or seen by asking.
  'a change by another process': {
    prepare(dir) {
      makeFolder(dir)
      writeRecord(dir, JSON.stringify(record('old', { fetchedAt: Date.now(), expiresAt: Date.now() + 7_200_000 })))
    },
    async call(dog, dir, { to }) {
      const heard = []
      dog.on('change', ({ generation }) => heard.push(generation))
      await dog.get(KEY)
      await pause(10)
      const theirs = record('theirs', { fetchedAt: Date.now(), expiresAt: Date.now() + 7_200_000, generation: 7 })
      elsewhere(() => {
        real.writeFileSync(join(dir, '.lock/next'), JSON.stringify(theirs), { mode: 0o600 })
        real.renameSync(join(dir, '.lock/next'), join(dir, 'TOKEN.dog'))
      })
      // While nothing can be read nothing is seen.
      if (to === Number.POSITIVE_INFINITY) setTimeout(endFaults, 150)
      const end = performance.now() + 5000
      while (!heard.includes(7) && performance.now() < end) {
        await pause(20)
        await dog.get(KEY).catch(() => {})
      }
      return heard.includes(7) ? await dog.get(KEY).catch(() => 'theirs') : `heard of ${heard}`
    },
    accepts: ['theirs', 'new'],
    watches: true,
  },
  // Longer than a sign of life takes, and one more that is tried a second later. Counted from the fetch on.
  'a slow fetch': {
    isLong: true,
    prepare: expired,
    fetcher: () => pause(3300).then(good),
    fromFetch: true,
    accepts: ['new'],
    keeps: true,
  },
}

module.exports = { KEY, good, learnPlace, pause, scenarios }
