import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startUpstream, type UpstreamEndpoint } from '../../long/chaos/upstream.js'
import { monotonic, temporaryFolder, until, Worker, type WorkerCommand } from '../../long/chaos/workers.js'
import { asUser, readableWorker } from '../../support/other-user.js'
import { pause } from '../../support/timing.js'

/** Faults that the system itself makes. */
const KEY = 'TOKEN'
const USER = 65_531

async function setUp(t: Test): Promise<{
  dir: string
  endpoint: UpstreamEndpoint
  command: Omit<WorkerCommand, 'command' | 'id'>
  startWorker(by?: string[]): Worker
}> {
  const { dir, remove } = temporaryFolder()
  const upstream = await startUpstream()
  const endpoint = upstream.endpoint('faults')
  const workers: Worker[] = []
  t.teardown(async () => {
    for (const worker of workers) worker.process.kill('SIGKILL')
    await Promise.all(workers.map(({ exited }) => exited))
    await upstream.close()
    remove()
  })
  const startWorker = (by?: string[]) => {
    const worker = new Worker(by)
    workers.push(worker)
    return worker
  }
  return { dir, endpoint, command: { dir, key: KEY, url: endpoint.url, timeout: 10 }, startWorker }
}

/** Number of processes past the inotify limit. The long form has 200. */
const CROWD = Number(process.env.CROWD ?? 10)

/** The reason why a command cannot run here; undefined if it can. */
function reasonNotToRun(command: string, args: string[]): string | undefined {
  try {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    return undefined
  } catch (error) {
    return `not run: ${command} is not permitted here: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`
  }
}

/**
 * Prefixes a command so that it runs with a mount that only its own process sees. `$0` is the
 * folder.
 */
const mounted = (mounting: string, dir: string) => ['unshare', '--mount', 'sh', '-c', `${mounting} && exec "$@"`, dir]
const inside = (worker: Worker, ...command: string[]) =>
  execFileSync('nsenter', ['--mount', '--target', String(worker.pid), ...command])
const EMPTY = 'mount -t tmpfs -o size=64k,mode=700 none "$0"'
const FILL = 'dd if=/dev/zero of="$0/fill" bs=1k count=99 2>/dev/null || true'
const FULL = `${EMPTY} && { ${FILL}; }`
const READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"'
const noMounts = reasonNotToRun('unshare', [...mounted(FULL, '/mnt').slice(1), 'nsenter', '--version'])
const { script, remove } = readableWorker()
t.teardown(remove)
const asOther = asUser(script, USER, USER)
const noUsers = reasonNotToRun(asOther[0]!, [...asOther.slice(1), process.execPath])
const noPerl = reasonNotToRun('perl', ['-e', '1'])

const expired = { dotdog: 1, key: KEY, value: 'old', fetchedAt: 1000, expiresAt: 2000, ahead: 0, generation: 5 }

t.test(
  'A full disk is found before a fetch is made, and the next get works once there is room again',
  { skip: noMounts },
  async (t) => {
    const { dir, endpoint, command, startWorker } = await setUp(t)
    const worker = startWorker(mounted(FULL, dir))
    await worker.ready
    const result = await worker.get(command)
    t.equal(result.code, 'ERR_DOG_STORE', `${result.value}`)
    t.ok(result.path?.startsWith(dir))
    t.match(result.cause, /ENOSPC/)
    t.equal(endpoint.requests.length, 0)
    inside(worker, 'rm', join(dir, 'fill'))
    t.equal((await worker.get(command)).value, 'token-1-of-the-upstream')
  },
)

t.test(
  'If the disk fills during a fetch, its value is served, and written without another fetch once there is room',
  { skip: noMounts },
  async (t) => {
    const { dir, endpoint, command, startWorker } = await setUp(t)
    const worker = startWorker(mounted(EMPTY, dir))
    await worker.ready
    // Longer than the padding of a lock file, as the disk has already given room for that.
    endpoint.paddingBytes = 20_000
    // Far longer than filling the disk takes.
    endpoint.delayMs = () => 2000
    const asked = endpoint.nextRequest()
    const answer = worker.get(command)
    await asked
    inside(worker, 'sh', '-c', FILL, dir)
    const value = `token-1-of-the-upstream${'.'.repeat(endpoint.paddingBytes)}`
    t.ok((await answer).value === value, 'the caller gets it')
    const isStored = () => inside(worker, 'ls', dir).includes('TOKEN.dog')
    t.notOk(isStored())
    t.match(
      worker.messages.filter(({ type }) => type === 'warning').map(({ message }) => message),
      [/not stored yet.*ENOSPC/],
      'a warning says so',
    )
    // Longer than the delay after which the engine tries to write again.
    for (let tries = 0; tries < 15; tries++) {
      t.ok((await worker.get(command)).value === value, 'later callers get it')
      await pause(100)
    }
    t.notOk(isStored())
    t.equal(endpoint.requests.length, 1)

    inside(worker, 'rm', join(dir, 'fill'))
    for (let tries = 0; !isStored() && tries < 150; tries++) {
      t.ok((await worker.get(command)).value === value)
      await pause(100)
    }
    t.ok(isStored())
    const other = startWorker(['nsenter', '--mount', '--target', String(worker.pid)])
    t.ok((await other.get(command)).value === value, 'another process gets it')
    t.equal(endpoint.requests.length, 1)
  },
)

t.test(
  'On a read-only mount fresh values are served and nothing is fetched, until the mount is writable again',
  { skip: noMounts },
  async (t) => {
    const { dir, endpoint, command, startWorker } = await setUp(t)
    writeFileSync(join(dir, 'FRESH.dog'), JSON.stringify({ ...expired, key: 'FRESH', expiresAt: Date.now() + 7_200_000 }))
    writeFileSync(join(dir, 'TOKEN.dog'), JSON.stringify(expired))
    const [worker, reader] = [startWorker(mounted(READ_ONLY, dir)), startWorker(mounted(READ_ONLY, dir))]
    await Promise.all([worker.ready, reader.ready])
    t.equal((await reader.get({ ...command, key: 'FRESH' })).value, 'old')
    const result = await worker.get(command)
    t.equal(result.code, 'ERR_DOG_STORE', `${result.value}`)
    t.ok(result.path?.startsWith(dir))
    t.match(result.cause, /EROFS/)
    t.equal(endpoint.requests.length, 0)
    inside(worker, 'mount', '-o', 'remount,rw,bind', dir)
    t.equal((await worker.get(command)).value, 'token-1-of-the-upstream')
  },
)

t.test('A new folder in a read-only mount says EROFS', { skip: noMounts }, async (t) => {
  const { dir, endpoint, command, startWorker } = await setUp(t)
  const { code, message } = await startWorker(mounted(READ_ONLY, dir)).get({ ...command, dir: join(dir, 'new', '.dog') })
  t.equal(code, 'ERR_DOG_STORE')
  t.match(message, /cannot be made.*\(EROFS\)/)
  t.equal(endpoint.requests.length, 0)
})

t.test('A get works again after its folder was deleted, or replaced by a file, before or during a fetch', async (t) => {
  const { dir, endpoint, command, startWorker } = await setUp(t)
  const folder = join(dir, 'dog')
  const own = { ...command, dir: folder }
  endpoint.expiresIn = 0.2
  const worker = startWorker()
  const expiry = async () => {
    const until = monotonic() + 250
    while (monotonic() < until) await pause(10)
  }
  t.equal((await worker.get(own)).value, 'token-1-of-the-upstream')
  rmSync(folder, { recursive: true })
  t.equal((await worker.get(own)).value, 'token-2-of-the-upstream', 'a vanished record is fetched again')
  await expiry()
  rmSync(folder, { recursive: true })
  writeFileSync(folder, 'what is this')
  const result = await worker.get(own)
  t.equal(result.code, 'ERR_DOG_STORE', `${result.value}`)
  t.equal(result.path?.startsWith(folder), true)
  t.equal(endpoint.requests.length, 2, 'no fetch is made for a value that cannot be stored')
  rmSync(folder)
  t.equal((await worker.get(own)).value, 'token-3-of-the-upstream')

  await expiry()
  endpoint.delayMs = () => 400
  const asked = endpoint.nextRequest()
  const answer = worker.get(own)
  await asked
  rmSync(folder, { recursive: true })
  t.equal((await answer).value, 'token-4-of-the-upstream', 'a fetch whose folder is gone still gives its value')

  await expiry()
  const askedAgain = endpoint.nextRequest()
  const another = worker.get(own)
  await askedAgain
  rmSync(folder, { recursive: true })
  writeFileSync(folder, 'what is this')
  t.equal((await another).value, 'token-5-of-the-upstream')
  rmSync(folder)
  endpoint.delayMs = () => 50
  await expiry()
  t.match((await startWorker().get(own)).value, /^token-/)
})

t.test('A get works with 32 file descriptors', async (t) => {
  const { command, startWorker } = await setUp(t)
  // The modules that a test runner preloads need more descriptors.
  const limited = ['sh', '-c', 'unset NODE_OPTIONS; ulimit -n 32 && exec "$@"', 'sh']
  const answers = await Promise.all(
    [startWorker(limited), startWorker(limited), startWorker(limited)].map((worker) => worker.get(command)),
  )
  t.strictSame(
    answers.map(({ value }) => value),
    new Array(3).fill('token-1-of-the-upstream'),
  )
})

// The limit counts watchers by user. A user of our own has none left, and the other users of the
// machine keep theirs. (200 waiting processes of Node would show no more, and take 10 GB.)
const WATCHER_HOG_SCRIPT =
  '$| = 1; my @all; while ((my $fd = syscall(294, 0)) >= 0) { push @all, $fd } print "$!\\n"; sleep 600'
const notLinux = process.platform === 'linux' && process.arch === 'x64' ? undefined : 'not run: Linux on x64 only'

t.test(
  'Past the inotify limit waiters poll, each warns once, and there is one fetch',
  { skip: noUsers ?? noPerl ?? notLinux },
  async (t) => {
    const { dir, endpoint, command, startWorker } = await setUp(t)
    const { spawn } = await import('node:child_process')
    const args = ['--reuid', String(USER), '--regid', String(USER), '--clear-groups', 'perl', '-e', WATCHER_HOG_SCRIPT]
    const watcherHog = spawn('setpriv', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => watcherHog.kill('SIGKILL'))
    let full = ''
    watcherHog.stdout.on('data', (chunk) => (full += chunk))
    await until(() => full !== '' || watcherHog.exitCode !== null)
    t.match(full, 'Too many open files')

    const folder = join(dir, 'dog')
    chownSync(dir, USER, USER)
    mkdirSync(folder)
    chownSync(folder, USER, USER)
    const own = { ...command, dir: folder }
    endpoint.delayMs = () => Math.max(1500, 25 * CROWD)
    const workers = Array.from({ length: CROWD }, () => startWorker(asOther))
    await Promise.all(workers.map(({ ready }) => ready))
    const answers = await Promise.all(workers.map((worker) => worker.get(own)))
    t.strictSame(
      [...new Set(answers.map(({ value, code, message }) => value ?? `${code} ${message}`))],
      ['token-1-of-the-upstream'],
    )
    t.equal(endpoint.requests.length, 1)
    const warnings = workers.flatMap(({ messages }) => messages).filter(({ type }) => type === 'warning')
    t.equal(warnings.length, CROWD - 1, 'each waiter warns once')
    for (const { message } of warnings) t.match(message, /cannot be watched \(EMFILE\): polling instead/)
  },
)
