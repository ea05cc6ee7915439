// One process in which the n-th call of `fs` fails. Every member that the engine, or a package that it drives, can call is
// replaced before any of them is loaded; the engine is loaded anew for each run, so that it remembers nothing.
// Prints one line of JSON. CODES: those to use (default: all). SAMPLE: each call fails with one of them only, by turns.
const fs = require('node:fs')
const { tmpdir } = require('node:os')
const { createRequire } = require('node:module')
const { join, resolve } = require('node:path')
const { compileFunction } = require('node:vm')

const CODES = { EACCES: -13, EPERM: -1, EROFS: -30, ENOSPC: -28, EIO: -5, EMFILE: -24, ENOTDIR: -20, EBUSY: -16 }
const SYNC = ['open', 'read', 'fstat', 'close', 'write', 'fchmod', 'ftruncate', 'fsync', 'lstat', 'stat', 'readdir', 'mkdir']
SYNC.push('rmdir', 'rename', 'chmod', 'utimes', 'readlink', 'realpath', 'readFile', 'unlink')
const CALLBACKS = ['realpath', 'stat', 'open', 'write', 'close', 'chown', 'chmod', 'rename', 'unlink', 'fsync']

// The packages themselves are loaded once, before: loading is not what is tested.
for (const name of ['proper-lockfile', 'chokidar']) require(name)
const real = { ...fs }

/** `from`: the first call that fails; `to`: the last. */
let plan
/** A call that makes others is one call. */
let isInside = false
const planned = (from, to, code) => ({ from, to, code, calls: 0, failed: [] })
function failure(name, path) {
  if (plan === undefined || isInside) return undefined
  if (plan.trusts !== undefined && String(path).startsWith(plan.trusts)) return undefined
  plan.calls++
  if (plan.calls < plan.from || plan.calls > plan.to) return undefined
  plan.failed.push(name)
  const error = new Error(`${plan.code}: injected, ${name} '${path}'`)
  return Object.assign(error, { errno: CODES[plan.code], code: plan.code, syscall: name, path })
}
for (const name of SYNC) {
  const call = real[`${name}Sync`]
  fs[`${name}Sync`] = (...args) => {
    const error = failure(`${name}Sync`, args[0])
    // A close that fails has closed all the same.
    if (error === undefined || name === 'close') {
      const wasInside = isInside
      isInside = true
      try {
        const result = call(...args)
        if (error === undefined) return result
      } finally {
        isInside = wasInside
      }
    }
    throw error
  }
}
for (const name of CALLBACKS) {
  const call = real[name]
  fs[name] = (...args) => {
    const error = failure(name, args[0])
    if (error === undefined) return call(...args)
    if (name === 'close') return call(args[0], () => args.at(-1)(error))
    process.nextTick(args.at(-1), error)
  }
}
fs.watch = (...args) => {
  const error = failure('watch', args[0])
  if (error !== undefined) throw error
  return real.watch(...args)
}

const build = resolve(process.env.BUILD ?? join(__dirname, '../../dist/engine.js'))
const names = ['exports', 'require', 'module', '__filename', '__dirname']
const engine = compileFunction(real.readFileSync(build, 'utf8'), names, { filename: build })
const requireThere = createRequire(build)
function load() {
  const module = { exports: {} }
  engine(module.exports, requireThere, module, build, join(build, '..'))
  return module.exports
}

const unhandled = []
process.on('unhandledRejection', (error) => unhandled.push(String(error?.stack ?? error)))
process.on('uncaughtException', (error) => unhandled.push(String(error?.stack ?? error)))

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
      setTimeout(() => {
        real.writeFileSync(owner, JSON.stringify(record('theirs', { expiresAt: Date.now() + 7_200_000, generation: 7 })))
        real.renameSync(owner, join(dir, 'TOKEN.dog'))
        real.rmdirSync(join(dir, '.lock', KEY))
      }, 25)
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
}

let runs = 0
/** One run. Returns what was wrong with it, and how many calls there were. */
async function run(root, { prepare, call, fetcher = good, accepts, errors = [], settle, settled, trusts }, from, to, code) {
  const dir = join(root, String(++runs))
  const wrong = []
  prepare(dir)
  const { createDog } = load()
  const dog = createDog({ dir, timeout: 5 })
  let fetches = 0
  dog.init(KEY, () => {
    fetches++
    return fetcher()
  })
  const warnings = []
  dog.on('warning', (warning) => warnings.push(warning.message))
  plan = planned(from, to, code)
  plan.trusts = process.env.SAMPLE && trusts
  const begun = performance.now()
  let outcome
  try {
    const value = await (call ? call(dog) : dog.get(KEY))
    outcome = 'value'
    if (!accepts.includes(value)) wrong.push(`answered ${JSON.stringify(value)}`)
  } catch (error) {
    outcome = error.code
    const isStore = error.code === 'ERR_DOG_STORE' && error.name === 'DogError'
    if (isStore && plan.failed.length > 0) {
      // Who is alive is asked of /proc.
      if (![root, '/proc/'].some((place) => error.path?.startsWith(place))) wrong.push(`names the path ${error.path}`)
      if (error.cause === undefined) wrong.push(`has no cause: ${error.message}`)
    } else if (!errors.includes(error.code)) wrong.push(`ended in ${error.stack}`)
  }
  const ms = performance.now() - begun
  if (ms > 12_000) wrong.push(`took ${Math.round(ms)} ms`)
  if (settle) await pause(15)
  const { calls, failed } = plan
  plan = undefined
  if (settled) await pause(Math.max(0, settled - (performance.now() - begun)))
  await pause(0)

  // The fault is gone. One call that failed leaves no lock at all; storage that was gone for good, none for long.
  if (!settle && from === to && held(dir).length > 0) wrong.push(`holds ${held(dir)}`)
  partial(dir, wrong)
  const clean = await Promise.race([next(dir, call === undefined ? fetcher : good), pause(3000).then(() => 'hangs')])
  if (clean !== undefined) wrong.push(`the next process ${clean}`)
  if (fetcher === good) {
    const again = await Promise.race([dog.get(KEY).catch((error) => error), pause(3000).then(() => new Error('hangs'))])
    if (again instanceof Error) wrong.push(`the next get of this process: ${again.message}`)
  }
  await dog.close()
  await pause(0)
  for (let tries = 0; held(dir).length > 0 && tries < 100; tries++) await pause(5)
  if (held(dir).length > 0) wrong.push(`${held(dir)} is left in .lock`)
  partial(dir, wrong)
  const allowed = fetcher === good ? 2 : 3
  if (fetches > allowed) wrong.push(`fetched ${fetches} times`)
  for (const error of unhandled.splice(0)) wrong.push(`unhandled: ${error}`)
  real.rmSync(dir, { recursive: true, force: true })
  return { calls, failed, wrong, outcome, fetches }
}

/** Our owner files in locks. (What nobody can take for a lock is cleared by others when its maker is gone.) */
function held(dir) {
  const folder = join(dir, '.lock')
  const names = real.existsSync(folder) ? real.readdirSync(folder, { recursive: true }).map(String) : []
  return names.filter((name) => name.includes(`.${process.pid}.`) && !name.startsWith('~'))
}

/** Nothing that a reader could take for a record or ledger, and that does not parse. */
function partial(dir, wrong) {
  for (const file of ['TOKEN.dog', '.state/TOKEN.json']) {
    const path = join(dir, file)
    if (!real.existsSync(path)) continue
    const text = real.readFileSync(path, 'utf8')
    if (text === '{"dotdog":1,"key":"TOK') continue
    try {
      JSON.parse(text)
    } catch {
      wrong.push(`${file} is partial: ${text.slice(0, 60)}`)
    }
  }
}

/** What another process gets afterwards: the engine loaded anew, which knows nothing of the first. */
async function next(dir, fetcher) {
  const dog = load().createDog({ dir, timeout: 5 })
  dog.init(KEY, fetcher)
  try {
    await dog.get(KEY)
    return undefined
  } catch (error) {
    return error.code === 'ERR_DOG_FETCH' && fetcher !== good ? undefined : `ends in ${error.stack}`
  } finally {
    await dog.close()
  }
}

async function main() {
  const root = real.realpathSync(real.mkdtempSync(join(tmpdir(), 'dotdog-faults-')))
  const figures = { runs: 0, calls: {}, outcomes: {}, wrong: [] }
  const codes = (process.env.CODES ?? Object.keys(CODES).join()).split(',')
  try {
    await learnPlace(root)
    for (const [index, [name, scenario]] of Object.entries(scenarios).entries()) {
      const { calls, wrong } = await run(root, scenario, Number.POSITIVE_INFINITY, 0, 'EIO')
      for (const what of wrong) figures.wrong.push(`${name}, without a fault: ${what}`)
      figures.calls[name] = calls
      // How many calls there are depends on the time a little: until there is none that could fail.
      for (let n = 1, more = true; more; n++) {
        for (const code of process.env.SAMPLE ? [codes[(n + index) % codes.length]] : codes) {
          // One call that fails; and a storage that fails from that call on.
          for (const lasting of process.env.SAMPLE && n % 6 > 0 ? [false] : [false, true]) {
            const result = await run(root, scenario, n, lasting ? Number.POSITIVE_INFINITY : n, code)
            if (result.failed.length === 0) {
              more = false
              continue
            }
            figures.runs++
            figures.outcomes[result.outcome] = (figures.outcomes[result.outcome] ?? 0) + 1
            const where = `${name}: ${code} at call ${n}${lasting ? ' and all after' : ''} (${result.failed[0]})`
            for (const what of result.wrong) figures.wrong.push(`${where}: ${what}`)
          }
        }
      }
    }
  } finally {
    real.rmSync(root, { recursive: true, force: true })
  }
  console.log(JSON.stringify(figures))
}
main()
