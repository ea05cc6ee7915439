import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeOwner, type Owner, parseOwner } from '../../../src/core/stores/file/file-names.js'
import { processScope, processStartTime } from '../../../src/core/stores/file/liveness.js'
import { type Desk, startUpstream } from './upstream.js'
import { monotonic, pause, stateOf, type Task, temporary, until, Worker } from './workers.js'

/** Who is dead, where the kernel's answer is not the obvious one. */
const KEY = 'TOKEN'
const UNSHARE = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
const NOBODY = 65_534

interface Setting {
  dir: string
  desk: Desk
  task: Omit<Task, 'do'>
  hire(by?: string[], env?: Record<string, string>): Worker
}

async function setting(t: Test, timeout: number): Promise<Setting> {
  const { dir, remove } = temporary()
  const upstream = await startUpstream()
  const desk = upstream.desk('liveness')
  const workers: Worker[] = []
  t.teardown(async () => {
    for (const worker of workers) worker.process.kill('SIGKILL')
    await Promise.all(workers.map(({ exited }) => exited))
    await upstream.close()
    remove()
  })
  const hire = (by?: string[], env?: Record<string, string>) => {
    const worker = new Worker(() => {}, by, env)
    workers.push(worker)
    return worker
  }
  return { dir, desk, task: { dir, key: KEY, url: desk.url, timeout }, hire }
}

/** Why a command cannot be run here; undefined where it can. */
function refusal(command: string, args: string[]): string | undefined {
  try {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    return undefined
  } catch (error) {
    return `not run: ${command} is not permitted here: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`
  }
}

/** The lock of a process of this pid, taken now. */
function forgeLock(dir: string, start: string, timeout: number): void {
  const parts = { fencingToken: 7, processScope: processScope(), pid: process.pid, nonce: '0123456789abcdef' }
  const { name } = makeOwner({ ...parts, start, acquiredAt: Math.floor(monotonic()), timeout })
  mkdirSync(join(dir, '.lock', KEY), { recursive: true, mode: 0o700 })
  writeFileSync(join(dir, '.lock', KEY, name), '')
}

t.test('a pid that was given to another process since does not hold the lock: one fetch, at once', async (t) => {
  const { dir, desk, task, hire } = await setting(t, 30)
  const worker = hire()
  await worker.ready
  const since = monotonic()
  forgeLock(dir, String(Number(processStartTime()) - 1), 30_000)
  const { value } = await worker.get(task)
  t.equal(value, 'token-1-of-the-upstream')
  t.equal(desk.asked.length, 1)
  // A living one would keep it for its time-out and 2 s, one elsewhere for 10 s of silence.
  t.ok(desk.asked[0]!.call - since < 8000, `taken over after ${Math.round(desk.asked[0]!.call - since)} ms`)
})

t.test('the same with its own start time is alive: not robbed before its time-out and 2 s', async (t) => {
  const { dir, desk, task, hire } = await setting(t, 30)
  const since = monotonic()
  forgeLock(dir, processStartTime(), 500)
  await hire().get(task)
  t.equal(desk.asked.length, 1)
  t.ok(desk.asked[0]!.since - since >= 2499, `${desk.asked[0]!.since - since} ms`)
})

t.test('an unreaped child is dead at once', async (t) => {
  const { desk, task, hire } = await setting(t, 30)
  desk.delay = () => 60_000
  // The shell starts the holder and becomes a program that never waits for its children.
  const holder = hire(['sh', '-c', '"$@" & exec sleep 600', 'sh'])
  await holder.ready
  const asked = desk.next()
  holder.get(task)
  const { pid } = await asked
  t.not(pid, holder.pid)
  process.kill(pid, 'SIGKILL')
  await until(() => stateOf(pid) === 'Z')
  desk.delay = () => 50
  const begun = monotonic()
  const answers = await Promise.all([hire().get(task), hire().get(task)])
  t.strictSame([...new Set(answers.map(({ value }) => value))], ['token-2-of-the-upstream'])
  t.equal(desk.asked.length, 2, 'the killed one, and one')
  t.equal(stateOf(pid), 'Z', 'it still has its pid')
  t.ok(monotonic() - begun < 30_000, 'long before the time-out')
})

const HIDING = 'mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid "$0" --regid 65534 --clear-groups "$@"'
const hiding = (uid: number) => ['unshare', '--mount', 'sh', '-c', HIDING, String(uid)]
const noHiding = refusal('unshare', [...hiding(NOBODY).slice(1), process.execPath, join(import.meta.dirname, 'worker.cjs')])

t.test(
  'hidepid: a holder of another user that /proc does not show is alive; killed, it is dead',
  { skip: noHiding },
  async (t) => {
    const { dir, desk, task, hire } = await setting(t, 30)
    chownSync(dir, 0, NOBODY)
    chmodSync(dir, 0o770)
    const shared = { ...task, mode: 0o660 }
    const [holder, waiter] = [hire(hiding(NOBODY - 1)), hire(hiding(NOBODY))]
    await Promise.all([holder.ready, waiter.ready])
    desk.delay = () => 1500
    const asked = desk.next()
    const own = holder.get(shared)
    await asked
    const other = await waiter.get(shared)
    t.equal(other.value, 'token-1-of-the-upstream', `${other.code} ${other.message}`)
    t.equal((await own).value, 'token-1-of-the-upstream')
    t.equal(desk.asked.length, 1)

    const again = { ...shared, dir: join(dir, 'second') }
    mkdirSync(again.dir)
    chownSync(again.dir, 0, NOBODY)
    chmodSync(again.dir, 0o770)
    desk.delay = () => 60_000
    const askedAgain = desk.next()
    holder.get(again)
    await askedAgain
    holder.kill()
    await holder.exited
    desk.delay = () => 50
    t.equal((await waiter.get(again)).value, 'token-3-of-the-upstream')
    t.equal(desk.asked.length, 3)
  },
)

const noNamespaces = refusal('unshare', [...UNSHARE.slice(1), 'true'])

/** The only child of a process that was started by `unshare` or `nsenter`. */
const childOf = ({ pid }: Worker): number =>
  Number(execFileSync('cat', [`/proc/${pid}/task/${pid}/children`], { encoding: 'utf8' }))

/** The pid of a process as it sees it itself, in its namespace. */
const innerPid = (pid: number): number =>
  Number(/^NSpid:.*\s(\d+)$/m.exec(execFileSync('cat', [`/proc/${pid}/status`], { encoding: 'utf8' }))?.[1])

const NEXT_PID = 'echo "$0" > /proc/sys/kernel/ns_last_pid'
const noReuse =
  refusal('unshare', [...UNSHARE.slice(1), 'sh', '-c', NEXT_PID, '300']) ??
  refusal('nsenter', ['--pid', '--mount', '--target', String(process.pid), 'true'])

t.test('a killed holder’s pid that the kernel gave to another process: one fetch, at once', { skip: noReuse }, async (t) => {
  const { desk, task, hire } = await setting(t, 30)
  desk.delay = () => 60_000
  const waiter = hire(UNSHARE)
  await waiter.ready
  const enter = ['nsenter', '--pid', '--mount', '--target', String(childOf(waiter))]
  const holder = hire(enter)
  await holder.ready
  const asked = desk.next()
  holder.get(task)
  const { pid } = await asked
  process.kill(childOf(holder), 'SIGKILL')
  await holder.exited

  let successor = holder
  // A thread of the waiter may come between.
  for (let tries = 0, found = 0; found !== pid && tries < 5; tries++) {
    execFileSync('nsenter', [...enter.slice(1), 'sh', '-c', NEXT_PID, String(pid - 1)])
    successor = hire(enter)
    await successor.ready
    found = innerPid(childOf(successor))
    t.comment(`the holder was ${pid}, its successor is ${found}`)
  }
  desk.delay = () => 50
  const begun = monotonic()
  // Its own pid in the name of a lock must not mislead the successor either.
  const answers = await Promise.all([waiter.get(task), successor.get(task)])
  t.equal(innerPid(childOf(successor)), pid, 'alive all the while, under the pid in the name of the lock')
  t.strictSame([...new Set(answers.map(({ value }) => value))], ['token-2-of-the-upstream'])
  t.equal(desk.asked.length, 2, 'the killed one, and one')
  t.ok(desk.asked[1]!.call - begun < 8000, `taken over after ${Math.round(desk.asked[1]!.call - begun)} ms`)
})

t.test('two pid namespaces, pid 1 in both, on one folder make one fetch', { skip: noNamespaces }, async (t) => {
  const { dir, desk, task, hire } = await setting(t, 30)
  desk.delay = () => 1000
  const one = hire(UNSHARE, { AS: '1' })
  await one.ready
  // Several ticks of the kernel later: pid 1 of the one is not, by its start time, pid 1 of the other.
  await pause(50)
  const two = hire(UNSHARE, { AS: '2' })
  await two.ready

  const owners: Owner[] = []
  const folders = ['one', 'two', 'both'].map((name) => join(dir, name))
  for (const [folder, first, second] of [[folders[0]!, one, two] as const, [folders[1]!, two, one] as const]) {
    const asked = desk.next()
    const holding = first.get({ ...task, dir: folder })
    await asked
    // The second finds a lock of a pid, its own, that in its own namespace is not the holder.
    const names = readdirSync(join(folder, '.lock', KEY))
    owners.push(...names.map((name) => parseOwner(name)!))
    const [{ value }, other] = await Promise.all([holding, second.get({ ...task, dir: folder })])
    t.equal(value, `token-${owners.length}-of-the-upstream`)
    t.equal(other.value, value)
    t.equal(desk.asked.length, owners.length, 'one fetch in each folder')
  }
  t.strictSame(
    owners.map(({ pid }) => pid),
    [1, 1],
  )
  t.equal(
    new Set([...owners.map(({ processScope: place }) => place), processScope()]).size,
    3,
    'three places: theirs, and ours',
  )

  const at = monotonic() + 200
  const answers = await Promise.all([one, two].map((worker) => worker.get({ ...task, dir: folders[2]!, at })))
  t.strictSame(
    answers.map(({ value }) => value),
    ['token-3-of-the-upstream', 'token-3-of-the-upstream'],
  )
  t.equal(desk.asked.length, 3)
  for (const folder of folders) t.strictSame(readdirSync(join(folder, '.lock')), [])
})

t.test('a holder killed in another pid namespace is overtaken after 10 s of silence', { skip: noNamespaces }, async (t) => {
  const { desk, task, hire } = await setting(t, 60)
  desk.delay = () => 60_000
  const [holder, waiter] = [hire(UNSHARE), hire(UNSHARE)]
  await Promise.all([holder.ready, waiter.ready])
  const asked = desk.next()
  holder.get(task)
  await asked
  const answer = waiter.get(task)
  // It lives on for longer than the silence that counts as death: its heartbeat keeps it the holder.
  await pause(11_000)
  t.equal(desk.asked.length, 1, 'not while it lives')
  desk.delay = () => 50
  const killedAt = monotonic()
  process.kill(childOf(holder), 'SIGKILL')
  t.equal((await answer).value, 'token-2-of-the-upstream')
  t.equal(desk.asked.length, 2)
  // The last heartbeat was up to 2 s before the kill.
  t.ok(desk.asked[1]!.call - killedAt > 7500, `${Math.round(desk.asked[1]!.call - killedAt)} ms after the kill`)
})
