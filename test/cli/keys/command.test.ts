// Keys that a program prints, and secrets that come from files and programs. The programs are real.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { printedForms, rejectionOf } from '../../fetchers/setup.js'
import { fixture, start } from '../../support/children.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { until } from '../../support/timing.js'
import { configure, resolveSecret } from './setup.js'

const node = (code: string): string[] => [process.execPath, '-e', code]
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  // A zombie has ended.
  return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
}

t.test('a program prints a text, or JSON with its lifetime', async (t) => {
  const { dog } = await configure(t, {
    TEXT: { command: ['printf', '%s\\n', 'a token; $HOME `id`'], expiresIn: 60 },
    JSON: { command: node(`console.log(JSON.stringify({ value: { access: 'a' }, expiresIn: 7 }))`) },
    NONE: { command: ['true'], expiresIn: 60 },
    OBJECT: { command: ['echo', '{"access_token": "S3cret"}'], expiresIn: 60 },
    NO_END: { command: ['echo', 'S3cret'] },
  })
  t.equal(await dog.get('TEXT'), 'a token; $HOME `id`', 'there is no shell')
  const { value, expiresAt } = await dog.read<unknown>('JSON')
  t.same(value, { access: 'a' })
  t.ok(expiresAt - Date.now() <= 7000)
  for (const [key, message] of Object.entries({
    NONE: /printed nothing/,
    OBJECT: /without "value"/,
    NO_END: /lifetime is unknown/,
  })) {
    const error = await rejectionOf(dog.get(key))
    t.match(error, { code: 'ERR_DOG_FETCH', message })
    t.notMatch(printedForms(error), 'S3cret')
  }
})

t.test('a program gets a chosen environment, with the secrets that are named', async (t) => {
  const env = { APP_SECRET: 'S3cret-of-the-app', OTHER: 'not for it', LC_ALL: 'C' }
  const print = node(`console.log(JSON.stringify({ value: process.env, expiresIn: 60 }))`)
  const environment = { PLAIN: 'text', TOKEN: { env: 'APP_SECRET' } }
  const { dog } = await configure(t, { KEY: { command: print, environment } }, { env })
  const seen = await dog.get<Record<string, string>>('KEY')
  t.match(seen, { PLAIN: 'text', TOKEN: 'S3cret-of-the-app', LC_ALL: 'C' })
  t.same([seen.OTHER, seen.APP_SECRET], [undefined, undefined])
})

t.test('what a program says on standard error is shown, without secrets and without its arguments', async (t) => {
  const say = `console.error('bad login S3cret-of-the-app, token=S3cret-2'); process.exit(3)`
  const { dog } = await configure(
    t,
    { KEY: { command: [...node(say), 'S3cret-argument'], environment: { T: { env: 'A' } }, expiresIn: 1 } },
    { env: { A: 'S3cret-of-the-app' } },
  )
  const error = await rejectionOf(dog.get('KEY'))
  t.match(error.message, /node ended with code 3: bad login \*\*\*, token=\*\*\*/)
  t.notMatch(printedForms(error), 'S3cret')
  const missing = await configure(t, { KEY: { command: ['/no/such/program', 'S3cret'], expiresIn: 1 } })
  t.match((await rejectionOf(missing.dog.get('KEY'))).message, /program could not be started \(ENOENT\)/)
})

t.test('a program, and what it started, ends with the time-out', async (t) => {
  const folder = temporaryFolder(t)
  const pids = join(folder, 'pids')
  const hang = `sleep 600 & echo "$! $$" > '${pids}'; wait`
  const { dog } = await configure(t, { KEY: { command: ['sh', '-c', hang], expiresIn: 1, timeout: 0.5 } }, { folder })
  t.match(await rejectionOf(dog.get('KEY')), { code: 'ERR_DOG_FETCH_TIMEOUT' })
  const [child, shell] = readFileSync(pids, 'utf8').split(' ').map(Number)
  await until(() => !isAlive(child!) && !isAlive(shell!), { what: 'the end of both processes' })
  t.pass('both have ended')
})

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  t.test(`a program ends with the process that waits for it, by ${signal}`, async (t) => {
    const folder = temporaryFolder(t)
    const pids = join(folder, 'pids')
    // What a test runner preloads listens to signals as well.
    const alone = ['env', '-u', 'NODE_OPTIONS']
    const waiting = start(fixture('command-key.cjs'), { FOLDER: folder, PIDS: pids }, [], alone)
    await until(() => existsSync(pids) && readFileSync(pids, 'utf8').includes('\n'), { what: 'the program' })
    const [child, shell] = readFileSync(pids, 'utf8').split(' ').map(Number)
    t.ok(isAlive(child!))
    waiting.process.kill(signal)
    t.equal((await waiting.exited).signal, signal, 'the process ends as if nobody had listened')
    await until(() => !isAlive(child!) && !isAlive(shell!), { what: 'the end of both processes' })
  })
}

t.test('a process that a program leaves behind does not keep its value back', async (t) => {
  const { dog } = await configure(t, { KEY: { command: ['sh', '-c', 'sleep 3 & echo the-value'], expiresIn: 60, timeout: 20 } })
  const started = performance.now()
  t.equal(await dog.get('KEY'), 'the-value')
  t.ok(performance.now() - started < 2900)
})

t.test('a secret is in the environment, in a tight file, or what a program prints', async (t) => {
  const folder = temporaryFolder(t)
  const { signal } = new AbortController()
  const resolve = (reference: unknown, env: NodeJS.ProcessEnv = {}) =>
    resolveSecret('keys.K.s', reference as never, { folder, env: { PATH: process.env.PATH, ...env } }, signal)
  t.equal(await resolve({ env: 'A' }, { A: 'one\n' }), 'one')
  writeFileSync(join(folder, 'secret'), ' two \r\n', { mode: 0o600 })
  t.equal(await resolve({ file: 'secret' }), ' two ')
  t.equal(await resolve({ command: ['sh', '-c', 'echo three; pwd'] }), `three\n${folder}`)
  for (const [reference, message] of [
    [{ env: 'B' }, /^keys.K.s: the environment has no B$/],
    [{ env: 'EMPTY' }, /the secret is empty/],
    [{ file: 'none' }, /cannot be read \(ENOENT\)/],
    [{ command: ['false'] }, /false ended with code 1/],
  ] as const) {
    t.match(await rejectionOf(resolve(reference, { EMPTY: '' })), { code: 'ERR_DOG_NO_FETCHER', message })
  }
  for (const mode of [0o604, 0o620, 0o644, 0o666]) {
    chmodSync(join(folder, 'secret'), mode)
    t.match(await rejectionOf(resolve({ file: 'secret' })), { message: /chmod 600/ }, mode.toString(8))
  }
  chmodSync(join(folder, 'secret'), 0o640)
  t.equal(await resolve({ file: 'secret' }), ' two ', 'a group that may only read is meant so')
})

t.test('a missing secret is no failure of the upstream', async (t) => {
  const oauth2 = { tokenUrl: 'http://127.0.0.1:1/', clientId: 'c', clientSecret: { env: 'NONE' } }
  const { dog } = await configure(t, { KEY: { oauth2 } })
  const error = await rejectionOf(dog.get('KEY'))
  t.match(error, { message: /keys.KEY.oauth2.clientSecret: the environment has no NONE/, retryAt: undefined })
  t.equal((await dog.status())[0]!.failure, undefined)
})
