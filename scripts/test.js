// Runs test files without the tap command, each in a process of its own: `node scripts/test.js LANE-OR-FILE… [--watch]`.
// A lane is a folder of test/. The last line is `N passed, N failed, N skipped`, which counts assertions as tap does.
const { execFileSync, spawn } = require('node:child_process')
const { readdirSync, readFileSync, statSync, watch } = require('node:fs')
const { availableParallelism } = require('node:os')
const { dirname, join, relative, resolve, sep } = require('node:path')
const { pathToFileURL } = require('node:url')
const { builtHash, sourceHash } = require('./source-hash.js')

const root = resolve(__dirname, '..')
const TIMEOUT_S = 120
const MAX_SHOWN_LINES = 60
const preloads = [pathToFileURL(join(__dirname, 'typescript.mjs')).href, '@tapjs/mock/import']

/** The test files of a lane, of a folder below test/, or the one file that is named. */
function testFiles(name) {
  const path = [resolve(root, 'test', name), resolve(root, name)].find((path) => statSync(path, { throwIfNoEntry: false }))
  if (path === undefined) throw new Error(`there is neither a folder test/${name} nor a file ${name}`)
  if (statSync(path).isFile()) return [path]
  return readdirSync(path, { recursive: true })
    .filter((file) => file.endsWith('.test.ts') && !file.split(sep).includes('fixtures'))
    .map((file) => join(path, file))
    .sort()
}

/** Runs one file, and reads the totals from the last lines of its TAP. */
function run(file) {
  return new Promise((done) => {
    const started = Date.now()
    const args = [...preloads.flatMap((preload) => ['--import', preload]), '--enable-source-maps', file]
    const env = { ...process.env, TAP_TIMEOUT: String(TIMEOUT_S) }
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const killer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_S * 1000)
    let out = ''
    child.stdout.on('data', (chunk) => (out += chunk))
    child.stderr.on('data', (chunk) => (out += chunk))
    child.on('close', (code, signal) => {
      clearTimeout(killer)
      const total = /^# \{ total: .*\}$/m.exec(out)?.[0] ?? ''
      const count = (name) => Number(new RegExp(`${name}: (\\d+)`).exec(total)?.[1] ?? 0)
      const hasFailed = code !== 0 || signal !== null
      const fail = Math.max(count('fail'), hasFailed ? 1 : 0)
      done({ file: relative(root, file), out, ms: Date.now() - started, pass: count('pass'), fail, skip: count('skip') })
    })
  })
}

/** What there is to say of a file that failed: what it printed, without the assertions that passed. */
function failureReport({ file, out }) {
  const lines = out.split('\n').filter((line) => !/^\s*(ok |# time|# Subtest|1\.\.|TAP version|$)/.test(line))
  return [`FAILED ${file}`, ...lines.slice(0, MAX_SHOWN_LINES).map((line) => line.slice(0, 200))].join('\n')
}

async function runAll(files) {
  const started = Date.now()
  const results = []
  const rest = files.values()
  const worker = async () => {
    for (const file of rest) {
      const result = await run(file)
      results.push(result)
      if (result.fail > 0) console.log(failureReport(result))
    }
  }
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker))
  const sum = (name) => results.reduce((total, result) => total + result[name], 0)
  const slowest = results.sort((a, b) => b.ms - a.ms).slice(0, 3)
  console.log(`${files.length} files in ${((Date.now() - started) / 1000).toFixed(1)} s on Node ${process.versions.node}`)
  console.log(`slowest: ${slowest.map(({ file, ms }) => `${file} ${(ms / 1000).toFixed(1)} s`).join(', ')}`)
  console.log(`${sum('pass')} passed, ${sum('fail')} failed, ${sum('skip')} skipped`)
  return sum('fail') === 0
}

/** The file, and all files of the project that it imports, directly or not. */
function closure(file, seen = new Set()) {
  if (seen.has(file) || !statSync(file, { throwIfNoEntry: false })) return seen
  seen.add(file)
  for (const [, from] of readFileSync(file, 'utf8').matchAll(/(?:from|import|mockImport\()\s*'(\.{1,2}\/[^']+)'/g)) {
    closure(resolve(dirname(file), from.replace(/\.js$/, '.ts')), seen)
  }
  return seen
}

/** Runs the files, then after each change those that it can have touched. */
async function watchAll(names) {
  const needsBuild = names.some((name) => !/^(test\/)?unit\b/.test(name))
  const changed = new Set()
  let timer
  let running = Promise.resolve()
  const isHere = (file) => statSync(file, { throwIfNoEntry: false }) !== undefined
  const again = () => {
    const sources = new Set([...changed].filter((file) => file.endsWith('.ts')))
    const isOther = changed.size > sources.size
    changed.clear()
    running = running.then(async () => {
      if (needsBuild && builtHash() !== sourceHash()) execFileSync(process.execPath, [join(__dirname, 'build.js')])
      const isTouched = (file) => [...closure(file)].some((one) => sources.has(one))
      const isAll = isOther || (needsBuild && [...sources].some((file) => file.startsWith(join(root, 'src'))))
      const files = names.flatMap(testFiles).filter((file) => isHere(file) && (isAll || isTouched(file)))
      if (files.length > 0) await runAll(files)
    })
    running = running.catch((error) => console.log(error.message))
  }
  for (const folder of ['src', 'test']) {
    watch(join(root, folder), { recursive: true }, (_event, name) => {
      if (name === null || name.startsWith('build')) return
      changed.add(join(root, folder, name))
      clearTimeout(timer)
      timer = setTimeout(again, 100)
    })
  }
  await runAll(names.flatMap(testFiles))
  console.log('watching src/ and test/')
}

const names = process.argv.slice(2).filter((arg) => arg !== '--watch')
if (process.argv.includes('--watch')) watchAll(names)
else runAll(names.flatMap(testFiles)).then((isGreen) => (process.exitCode = isGreen ? 0 : 1))
