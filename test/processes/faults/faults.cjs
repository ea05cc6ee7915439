// Makes the n-th call of `fs` fail, for each n, in each scenario. Prints one line of JSON.
// Environment: CODES, the error codes to use (default: all). SAMPLE: each call fails with one code
// only, in turn. LONG: runs only the long scenarios. PART: "i/k" runs every k-th call from the i-th
// on.
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { CODES, REPLACED, endFaults, load, planFaults, real } = require('./failing.cjs')
const { KEY, goodFetcher, learnProcessScope, pause, scenarios } = require('./scenarios.cjs')

const unhandled = []
process.on('unhandledRejection', (error) => unhandled.push(String(error?.stack ?? error)))
process.on('uncaughtException', (error) => unhandled.push(String(error?.stack ?? error)))

let runs = 0
/** Runs a scenario once. Gives what was wrong, and the number of calls. */
async function run(root, scenario, from, to, code) {
  const {
    prepare,
    options,
    call,
    fetcher = goodFetcher,
    accepts,
    errors = [],
    settle,
    settled,
    trusts,
    watches,
    fromFetch,
    keeps,
  } = scenario
  const dir = join(root, String(++runs))
  const wrong = []
  prepare(dir)
  const { createDog } = load()
  const dog = createDog({ dir, timeout: 5, ...options })
  let fetches = 0
  dog.init(KEY, () => {
    fetches++
    plan.isOn = true
    return fetcher()
  })
  const warnings = []
  dog.on('warning', (warning) => warnings.push(warning.message))
  const plan = planFaults(from, to, code, { isOn: !fromFetch, trusts: process.env.SAMPLE && trusts })
  const begun = performance.now()
  let outcome
  try {
    const value = await (call ? call(dog, dir, plan) : dog.get(KEY))
    outcome = 'value'
    if (!accepts.includes(value)) wrong.push(`answered ${JSON.stringify(value)}`)
  } catch (error) {
    outcome = error.code
    const isStore = error.code === 'ERR_DOG_STORE' && error.name === 'DogError'
    if (isStore && plan.failed.length > 0) {
      // The engine asks /proc whether a holder is alive.
      if (![root, '/proc/'].some((prefix) => error.path?.startsWith(prefix))) wrong.push(`names the path ${error.path}`)
      if (error.cause === undefined) wrong.push(`has no cause: ${error.message}`)
    } else if (!errors.includes(error.code)) wrong.push(`ended in ${error.stack}`)
  }
  const ms = performance.now() - begun
  if (ms > 12_000) wrong.push(`took ${Math.round(ms)} ms`)
  if (settle) await pause(15)
  const { calls, failed } = plan
  endFaults()
  if (settled) await pause(Math.max(0, settled - (performance.now() - begun)))
  await pause(0)

  // The fault is over. After one failed call no lock is left. After lasting faults a lock may be
  // left for a short time.
  if (!settle && from === to && heldLocks(dir).length > 0) wrong.push(`still holds ${heldLocks(dir)}`)
  if (watches && failed.includes('watch') && !warnings.some((text) => /cannot be watched/.test(text))) {
    wrong.push('no warning said that the folder is not watched')
  }
  if (keeps) await untilWritten(dog, dir, wrong)
  reportPartialFiles(dir, wrong)
  const unwanted = () => {
    wrong.push('the next process fetches')
    return goodFetcher()
  }
  const nextFetcher = keeps ? unwanted : call === undefined ? fetcher : goodFetcher
  const clean = await Promise.race([getAnew(dir, nextFetcher), pause(3000).then(() => 'hangs')])
  if (clean !== undefined) wrong.push(`the next process ${clean}`)
  if (fetcher === goodFetcher) {
    const again = await Promise.race([dog.get(KEY).catch((error) => error), pause(3000).then(() => new Error('hangs'))])
    if (again instanceof Error) wrong.push(`the next get of this process: ${again.message}`)
  }
  await dog.close()
  await pause(0)
  for (let tries = 0; heldLocks(dir).length > 0 && tries < 100; tries++) await pause(5)
  if (heldLocks(dir).length > 0) wrong.push(`${heldLocks(dir)} is left in .lock`)
  reportPartialFiles(dir, wrong)
  const allowed = keeps ? 1 : fetcher === goodFetcher ? 2 : 3
  if (fetches > allowed) wrong.push(`fetched ${fetches} times`)
  for (const error of unhandled.splice(0)) wrong.push(`unhandled: ${error}`)
  real.rmSync(dir, { recursive: true, force: true })
  return { calls, failed, wrong, outcome, fetches }
}

/** A value that was fetched and could not be stored is served, and written once it can be. */
async function untilWritten(dog, dir, wrong) {
  const stored = () => JSON.parse(real.readFileSync(join(dir, 'TOKEN.dog'), 'utf8')).value
  const end = performance.now() + 10_000
  while (stored() !== 'new' && performance.now() < end) {
    const value = await dog.get(KEY).catch((error) => error)
    if (value !== 'new') wrong.push(`the value was lost: ${value}`)
    await pause(20)
  }
  if (stored() !== 'new') wrong.push('the fetched value was not written')
}

/**
 * The owner files of this process in locks. Names that no process takes for a lock are left out:
 * others remove them when this process is gone.
 */
function heldLocks(dir) {
  const folder = join(dir, '.lock')
  const names = real.existsSync(folder) ? real.readdirSync(folder, { recursive: true }).map(String) : []
  return names.filter((name) => name.includes(`.${process.pid}.`) && !name.startsWith('~'))
}

/** Reports a record or ledger that a reader would use and that does not parse. */
function reportPartialFiles(dir, wrong) {
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

/**
 * Gets the value as another process would: from a newly loaded engine, which knows nothing of the
 * first.
 */
async function getAnew(dir, fetcher) {
  const dog = load().createDog({ dir, timeout: 5 })
  dog.init(KEY, fetcher)
  try {
    await dog.get(KEY)
    return undefined
  } catch (error) {
    return error.code === 'ERR_DOG_FETCH' && fetcher !== goodFetcher ? undefined : `ends in ${error.stack}`
  } finally {
    await dog.close()
  }
}

/** Runs one scenario with one fault after another, and passes each result to `onRun`. */
async function runWithEveryFault(root, scenario, index, onRun) {
  const codes = (process.env.CODES ?? Object.keys(CODES).join()).split(',')
  const [part, parts] = (process.env.PART ?? '0/1').split('/').map(Number)
  // The number of calls varies a little with time. The loop ends when no call is left that could
  // fail.
  for (let n = 1 + part, more = true; more; n += parts) {
    const tried = process.env.SAMPLE ? [codes[(n + index) % codes.length]] : [...codes]
    for (const code of tried) {
      // First only this call fails; then this call and all after it.
      for (const lasting of process.env.SAMPLE && n % 6 > 0 ? [false] : [false, true]) {
        const result = await run(root, scenario, n, lasting ? Number.POSITIVE_INFINITY : n, code)
        if (result.failed.length === 0) more = false
        else onRun(result, code, `${code} at call ${n}${lasting ? ' and all after' : ''} (${result.failed[0]})`)
        // Systems differ in how a watcher fails, so a failed watch is tried with every code.
        const isWatch = process.env.SAMPLE && result.failed[0] === 'watch' && tried.length === 1
        if (isWatch) tried.push(...codes.filter((other) => other !== code))
      }
    }
  }
}

async function main() {
  const root = real.realpathSync(real.mkdtempSync(join(tmpdir(), 'dotdog-faults-')))
  const figures = { runs: 0, calls: {}, outcomes: {}, wrong: [], replaced: REPLACED, failed: [], unwatched: {} }
  const failed = new Set()
  try {
    await learnProcessScope(root)
    for (const [index, [name, scenario]] of Object.entries(scenarios).entries()) {
      if ((scenario.isLong ?? false) !== (process.env.LONG !== undefined)) continue
      const { calls, wrong } = await run(root, scenario, Number.POSITIVE_INFINITY, 0, 'EIO')
      for (const what of wrong) figures.wrong.push(`${name}, without a fault: ${what}`)
      figures.calls[name] = calls
      await runWithEveryFault(root, scenario, index, (result, code, where) => {
        figures.runs++
        figures.outcomes[result.outcome] = (figures.outcomes[result.outcome] ?? 0) + 1
        failed.add(result.failed[0])
        if (result.failed[0] === 'watch') figures.unwatched[code] = (figures.unwatched[code] ?? 0) + 1
        for (const what of result.wrong) figures.wrong.push(`${name}: ${where}: ${what}`)
      })
    }
  } finally {
    real.rmSync(root, { recursive: true, force: true })
  }
  figures.failed = [...failed]
  console.log(JSON.stringify(figures))
}
main()
