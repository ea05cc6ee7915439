import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startUpstream, type UpstreamEndpoint } from '../../long/chaos/upstream.js'
import { monotonic, temporaryFolder, until, Worker, type WorkerCommand } from '../../long/chaos/workers.js'
import { asUser, readableWorker } from '../../support/other-user.js'

/** The same faults, made by the system itself. */
const KEY = 'TOKEN'
const USER = 65_531

async function setting(
  t: Test,
): Promise<{ dir: string; desk: UpstreamEndpoint; task: Omit<WorkerCommand, 'command' | 'id'>; hire(by?: string[]): Worker }> {
  const { dir, remove } = temporaryFolder()
  const upstream = await startUpstream()
  const desk = upstream.endpoint('faults')
  const workers: Worker[] = []
  t.teardown(async () => {
    for (const worker of workers) worker.process.kill('SIGKILL')
    await Promise.all(workers.map(({ exited }) => exited))
    await upstream.close()
    remove()
  })
  const hire = (by?: string[]) => {
    const worker = new Worker(by)
    workers.push(worker)
    return worker
  }
  return { dir, desk, task: { dir, key: KEY, url: desk.url, timeout: 10 }, hire }
}

/** Processes past the limit of inotify; the long form has 200. */
const CROWD = Number(process.env.CROWD ?? 10)

/** Why a command cannot be run here; undefined where it can. */
function refusal(command: string, args: string[]): string | undefined {
  try {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    return undefined
  } catch (error) {
    return `not run: ${command} is not permitted here: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`
  }
}

/** Runs what follows with something mounted, which nobody else sees. `$0` is the folder. */
const mounted = (mounting: string, dir: string) => ['unshare', '--mount', 'sh', '-c', `${mounting} && exec "$@"`, dir]
const inside = (worker: Worker, ...command: string[]) =>
  execFileSync('nsenter', ['--mount', '--target', String(worker.pid), ...command])
const EMPTY = 'mount -t tmpfs -o size=64k,mode=700 none "$0"'
const FILL = 'dd if=/dev/zero of="$0/fill" bs=1k count=99 2>/dev/null || true'
const FULL = `${EMPTY} && { ${FILL}; }`
const READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"'
const noMounts = refusal('unshare', [...mounted(FULL, '/mnt').slice(1), 'nsenter', '--version'])
const { script, remove } = readableWorker()
t.teardown(remove)
const asOther = asUser(script, USER, USER)
const noUsers = refusal(asOther[0]!, [...asOther.slice(1), process.execPath])
const noPerl = refusal('perl', ['-e', '1'])

const expired = { dotdog: 1, key: KEY, value: 'old', fetchedAt: 1000, expiresAt: 2000, ahead: 0, generation: 5 }

t.test(
  'a full disk is found before a fetch is spent; when there is room again, the next get works',
  { skip: noMounts },
  async (t) => {
    const { dir, desk, task, hire } = await setting(t)
    const worker = hire(mounted(FULL, dir))
    await worker.ready
    const said = await worker.get(task)
    t.equal(said.code, 'ERR_DOG_STORE', `${said.value}`)
    t.ok(said.path?.startsWith(dir))
    t.match(said.cause, /ENOSPC/)
    t.equal(desk.requests.length, 0)
    inside(worker, 'rm', join(dir, 'fill'))
    t.equal((await worker.get(task)).value, 'token-1-of-the-upstream')
  },
)

t.test(
  'a disk becomes full in mid-fetch: the value is served and not lost, and written when there is room, by one fetch',
  { skip: noMounts },
  async (t) => {
    const { dir, desk, task, hire } = await setting(t)
    const worker = hire(mounted(EMPTY, dir))
    await worker.ready
    // Longer than what a lock is padded to, which is room that the disk has given already.
    desk.paddingBytes = 20_000
    // Far longer than it takes to fill the disk.
    desk.delayMs = () => 2000
    const asked = desk.nextRequest()
    const answer = worker.get(task)
    await asked
    inside(worker, 'sh', '-c', FILL, dir)
    const value = `token-1-of-the-upstream${'.'.repeat(desk.paddingBytes)}`
    t.ok((await answer).value === value, 'it is given to who asked')
    const isStored = () => inside(worker, 'ls', dir).includes('TOKEN.dog')
    t.notOk(isStored())
    t.match(
      worker.messages.filter(({ type }) => type === 'warning').map(({ message }) => message),
      [/not stored yet.*ENOSPC/],
      'it is said',
    )
    // Longer than the time after which it is tried again.
    for (let tries = 0; tries < 15; tries++) {
      t.ok((await worker.get(task)).value === value, 'and to who asks later')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    t.notOk(isStored())
    t.equal(desk.requests.length, 1)

    inside(worker, 'rm', join(dir, 'fill'))
    for (let tries = 0; !isStored() && tries < 150; tries++) {
      t.ok((await worker.get(task)).value === value)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    t.ok(isStored())
    const other = hire(['nsenter', '--mount', '--target', String(worker.pid)])
    t.ok((await other.get(task)).value === value, 'and to another process')
    t.equal(desk.requests.length, 1)
  },
)

t.test(
  'on a read-only mount what is fresh is served, and nothing is fetched; writable again, the next get works',
  { skip: noMounts },
  async (t) => {
    const { dir, desk, task, hire } = await setting(t)
    writeFileSync(join(dir, 'FRESH.dog'), JSON.stringify({ ...expired, key: 'FRESH', expiresAt: Date.now() + 7_200_000 }))
    writeFileSync(join(dir, 'TOKEN.dog'), JSON.stringify(expired))
    const [worker, reader] = [hire(mounted(READ_ONLY, dir)), hire(mounted(READ_ONLY, dir))]
    await Promise.all([worker.ready, reader.ready])
    t.equal((await reader.get({ ...task, key: 'FRESH' })).value, 'old')
    const said = await worker.get(task)
    t.equal(said.code, 'ERR_DOG_STORE', `${said.value}`)
    t.ok(said.path?.startsWith(dir))
    t.match(said.cause, /EROFS/)
    t.equal(desk.requests.length, 0)
    inside(worker, 'mount', '-o', 'remount,rw,bind', dir)
    t.equal((await worker.get(task)).value, 'token-1-of-the-upstream')
  },
)

t.test('the folder is deleted, or replaced by a file, while it is in use', async (t) => {
  const { dir, desk, task, hire } = await setting(t)
  const place = join(dir, 'dog')
  const own = { ...task, dir: place }
  desk.expiresIn = 0.2
  const worker = hire()
  const expiry = async () => {
    const until = monotonic() + 250
    while (monotonic() < until) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  t.equal((await worker.get(own)).value, 'token-1-of-the-upstream')
  rmSync(place, { recursive: true })
  t.equal((await worker.get(own)).value, 'token-2-of-the-upstream', 'a vanished record is fetched again')
  await expiry()
  rmSync(place, { recursive: true })
  writeFileSync(place, 'what is this')
  const said = await worker.get(own)
  t.equal(said.code, 'ERR_DOG_STORE', `${said.value}`)
  t.equal(said.path?.startsWith(place), true)
  t.equal(desk.requests.length, 2, 'nothing is fetched that cannot be stored')
  rmSync(place)
  t.equal((await worker.get(own)).value, 'token-3-of-the-upstream')

  await expiry()
  desk.delayMs = () => 400
  const asked = desk.nextRequest()
  const answer = worker.get(own)
  await asked
  rmSync(place, { recursive: true })
  t.equal((await answer).value, 'token-4-of-the-upstream', 'a fetch whose folder is gone has its value all the same')

  await expiry()
  const askedAgain = desk.nextRequest()
  const another = worker.get(own)
  await askedAgain
  rmSync(place, { recursive: true })
  writeFileSync(place, 'what is this')
  t.equal((await another).value, 'token-5-of-the-upstream')
  rmSync(place)
  desk.delayMs = () => 50
  await expiry()
  t.match((await hire().get(own)).value, /^token-/)
})

t.test('with 32 file descriptors a get works', async (t) => {
  const { task, hire } = await setting(t)
  // What a test runner preloads needs more.
  const limited = ['sh', '-c', 'unset NODE_OPTIONS; ulimit -n 32 && exec "$@"', 'sh']
  const answers = await Promise.all([hire(limited), hire(limited), hire(limited)].map((worker) => worker.get(task)))
  t.strictSame(
    answers.map(({ value }) => value),
    new Array(3).fill('token-1-of-the-upstream'),
  )
})

// The limit counts a user's watchers, so a user of our own has none left: the machine's other users keep theirs. (200
// processes of Node that wait would say no more than these, and take 10 GB.)
const HOG = '$| = 1; my @all; while ((my $fd = syscall(294, 0)) >= 0) { push @all, $fd } print "$!\\n"; sleep 600'
const notLinux = process.platform === 'linux' && process.arch === 'x64' ? undefined : 'not run: Linux on x64 only'

t.test(
  'past the limit of inotify the waiters poll, and say so, and there is one fetch',
  { skip: noUsers ?? noPerl ?? notLinux },
  async (t) => {
    const { dir, desk, task, hire } = await setting(t)
    const { spawn } = await import('node:child_process')
    const args = ['--reuid', String(USER), '--regid', String(USER), '--clear-groups', 'perl', '-e', HOG]
    const hog = spawn('setpriv', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => hog.kill('SIGKILL'))
    let full = ''
    hog.stdout.on('data', (chunk) => (full += chunk))
    await until(() => full !== '' || hog.exitCode !== null)
    t.match(full, 'Too many open files')

    const place = join(dir, 'dog')
    chownSync(dir, USER, USER)
    mkdirSync(place)
    chownSync(place, USER, USER)
    const own = { ...task, dir: place }
    desk.delayMs = () => Math.max(1500, 25 * CROWD)
    const crew = Array.from({ length: CROWD }, () => hire(asOther))
    await Promise.all(crew.map(({ ready }) => ready))
    const answers = await Promise.all(crew.map((worker) => worker.get(own)))
    t.strictSame(
      [...new Set(answers.map(({ value, code, message }) => value ?? `${code} ${message}`))],
      ['token-1-of-the-upstream'],
    )
    t.equal(desk.requests.length, 1)
    const warnings = crew.flatMap(({ messages }) => messages).filter(({ type }) => type === 'warning')
    t.equal(warnings.length, CROWD - 1, 'each waiter says it once')
    for (const { message } of warnings) t.match(message, /cannot be watched \(EMFILE\): polling instead/)
  },
)
