import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeOwner, type Owner, parseOwner } from '../../../src/core/stores/file/file-names.js'
import { processScope, processStartTime } from '../../../src/core/stores/file/liveness.js'
import { asUser, readableWorker } from '../../support/other-user.js'
import { startUpstream, type UpstreamEndpoint } from './upstream.js'
import { monotonic, pause, processState, temporaryFolder, until, Worker, type WorkerCommand } from './workers.js'

/** Whether a holder is alive, where that is hard to tell: reused pids, zombies, hidepid, namespaces. */
const KEY = 'TOKEN'
const UNSHARE = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
const NOBODY_UID = 65_534

interface Setup {
  dir: string
  endpoint: UpstreamEndpoint
  command: Omit<WorkerCommand, 'command' | 'id'>
  startWorker(launcher?: string[], env?: Record<string, string>): Worker
}

async function setUp(t: Test, timeout: number): Promise<Setup> {
  const { dir, remove } = temporaryFolder()
  const upstream = await startUpstream()
  const endpoint = upstream.endpoint('liveness')
  const workers: Worker[] = []
  t.teardown(async () => {
    for (const worker of workers) worker.process.kill('SIGKILL')
    await Promise.all(workers.map(({ exited }) => exited))
    await upstream.close()
    remove()
  })
  const startWorker = (launcher?: string[], env?: Record<string, string>) => {
    const worker = new Worker(launcher, env)
    workers.push(worker)
    return worker
  }
  return { dir, endpoint, command: { dir, key: KEY, url: endpoint.url, timeout }, startWorker }
}

/** Why a command cannot run on this machine; `undefined` if it can. */
function notPermitted(command: string, args: string[]): string | undefined {
  try {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    return undefined
  } catch (error) {
    return `${command} is not permitted on this machine: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`
  }
}

/** Takes the lock in the name of this process's pid, with any start time. */
function forgeLock(dir: string, start: string, timeout: number): void {
  const parts = { fencingToken: 7, processScope: processScope(), pid: process.pid, nonce: '0123456789abcdef' }
  const { name } = makeOwner({ ...parts, processStart: start, acquiredAt: Math.floor(monotonic()), timeoutMs: timeout })
  mkdirSync(join(dir, '.lock', KEY), { recursive: true, mode: 0o700 })
  writeFileSync(join(dir, '.lock', KEY, name), '')
}

t.test('A lock whose pid was reused by another process is taken over at once, with one fetch', async (t) => {
  const { dir, endpoint, command, startWorker } = await setUp(t, 30)
  const worker = startWorker()
  await worker.ready
  const since = monotonic()
  forgeLock(dir, String(Number(processStartTime()) - 1), 30_000)
  const { value } = await worker.get(command)
  t.equal(value, 'token-1-of-the-upstream')
  t.equal(endpoint.requests.length, 1)
  // A living holder keeps it for its time-out and 2 s, one in another namespace for 10 s of silence.
  t.ok(
    endpoint.requests[0]!.calledAt - since < 8000,
    `taken over after ${Math.round(endpoint.requests[0]!.calledAt - since)} ms`,
  )
})

t.test('A lock with the pid and start time of a living process is not taken over before its time-out and 2 s', async (t) => {
  const { dir, endpoint, command, startWorker } = await setUp(t, 30)
  const since = monotonic()
  forgeLock(dir, processStartTime(), 500)
  await startWorker().get(command)
  t.equal(endpoint.requests.length, 1)
  t.ok(endpoint.requests[0]!.lockedAt - since >= 2499, `${endpoint.requests[0]!.lockedAt - since} ms`)
})

t.test('A killed holder that its parent has not reaped is dead at once', async (t) => {
  const { endpoint, command, startWorker } = await setUp(t, 30)
  endpoint.delayMs = () => 60_000
  // The shell starts the holder, and becomes a program that never reaps its children.
  const holder = startWorker(['sh', '-c', '"$@" & exec sleep 600', 'sh'])
  await holder.ready
  const requested = endpoint.nextRequest()
  holder.get(command)
  const { pid } = await requested
  t.not(pid, holder.pid)
  process.kill(pid, 'SIGKILL')
  await until(() => processState(pid) === 'Z')
  endpoint.delayMs = () => 50
  const begun = monotonic()
  const answers = await Promise.all([startWorker().get(command), startWorker().get(command)])
  t.strictSame([...new Set(answers.map(({ value }) => value))], ['token-2-of-the-upstream'])
  t.equal(endpoint.requests.length, 2, 'the fetch of the killed holder, and one more')
  t.equal(processState(pid), 'Z', 'it is still a zombie')
  t.ok(monotonic() - begun < 30_000, 'long before the time-out')
})

const { script, remove } = readableWorker()
t.teardown(remove)
const HIDING = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"'
const hiding = (uid: number) => ['unshare', '--mount', 'sh', '-c', HIDING, 'sh', ...asUser(script, uid, NOBODY_UID)]
const noHiding = notPermitted('unshare', [...hiding(NOBODY_UID).slice(1), process.execPath])

t.test('With hidepid, a holder of another user that /proc hides is alive until it is killed', { skip: noHiding }, async (t) => {
  const { dir, endpoint, command, startWorker } = await setUp(t, 30)
  chownSync(dir, 0, NOBODY_UID)
  chmodSync(dir, 0o770)
  const shared = { ...command, mode: 0o660 }
  const [holder, waiter] = [startWorker(hiding(NOBODY_UID - 1)), startWorker(hiding(NOBODY_UID))]
  await Promise.all([holder.ready, waiter.ready])
  endpoint.delayMs = () => 1500
  const requested = endpoint.nextRequest()
  const own = holder.get(shared)
  await requested
  const other = await waiter.get(shared)
  t.equal(other.value, 'token-1-of-the-upstream', `${other.code} ${other.message}`)
  t.equal((await own).value, 'token-1-of-the-upstream')
  t.equal(endpoint.requests.length, 1)

  const again = { ...shared, dir: join(dir, 'second') }
  mkdirSync(again.dir)
  chownSync(again.dir, 0, NOBODY_UID)
  chmodSync(again.dir, 0o770)
  endpoint.delayMs = () => 60_000
  const requestedAgain = endpoint.nextRequest()
  holder.get(again)
  await requestedAgain
  holder.kill()
  await holder.exited
  endpoint.delayMs = () => 50
  t.equal((await waiter.get(again)).value, 'token-3-of-the-upstream')
  t.equal(endpoint.requests.length, 3)
})

const noNamespaces = notPermitted('unshare', [...UNSHARE.slice(1), 'true'])

/** The pid of the only child of a process that `unshare` or `nsenter` started. */
const childOf = ({ pid }: Worker): number =>
  Number(execFileSync('cat', [`/proc/${pid}/task/${pid}/children`], { encoding: 'utf8' }))

/** The pid of a process inside its own namespace. */
const innerPid = (pid: number): number =>
  Number(/^NSpid:.*\s(\d+)$/m.exec(execFileSync('cat', [`/proc/${pid}/status`], { encoding: 'utf8' }))?.[1])

const NEXT_PID = 'echo "$0" > /proc/sys/kernel/ns_last_pid'
const noReuse =
  notPermitted('unshare', [...UNSHARE.slice(1), 'sh', '-c', NEXT_PID, '300']) ??
  notPermitted('nsenter', ['--pid', '--mount', '--target', String(process.pid), 'true'])

t.test('A killed holder whose pid the kernel reused is taken over at once, with one fetch', { skip: noReuse }, async (t) => {
  const { endpoint, command, startWorker } = await setUp(t, 30)
  endpoint.delayMs = () => 60_000
  const waiter = startWorker(UNSHARE)
  await waiter.ready
  const enter = ['nsenter', '--pid', '--mount', '--target', String(childOf(waiter))]
  const holder = startWorker(enter)
  await holder.ready
  const requested = endpoint.nextRequest()
  holder.get(command)
  const { pid } = await requested
  process.kill(childOf(holder), 'SIGKILL')
  await holder.exited

  let successor = holder
  // A new thread of the waiter may get the pid first.
  for (let tries = 0, found = 0; found !== pid && tries < 5; tries++) {
    execFileSync('nsenter', [...enter.slice(1), 'sh', '-c', NEXT_PID, String(pid - 1)])
    successor = startWorker(enter)
    await successor.ready
    found = innerPid(childOf(successor))
    t.comment(`the holder was ${pid}, its successor is ${found}`)
  }
  endpoint.delayMs = () => 50
  const begun = monotonic()
  // The successor must not believe that a lock with its own pid is its own.
  const answers = await Promise.all([waiter.get(command), successor.get(command)])
  t.equal(innerPid(childOf(successor)), pid, 'it is alive, with the pid in the name of the lock')
  t.strictSame([...new Set(answers.map(({ value }) => value))], ['token-2-of-the-upstream'])
  t.equal(endpoint.requests.length, 2, 'the fetch of the killed holder, and one more')
  t.ok(
    endpoint.requests[1]!.calledAt - begun < 8000,
    `taken over after ${Math.round(endpoint.requests[1]!.calledAt - begun)} ms`,
  )
})

t.test('Two processes with pid 1, in two pid namespaces, make one fetch in one folder', { skip: noNamespaces }, async (t) => {
  const { dir, endpoint, command, startWorker } = await setUp(t, 30)
  endpoint.delayMs = () => 1000
  const one = startWorker(UNSHARE, { AS: '1' })
  await one.ready
  // Several ticks of the kernel, so that the two processes with pid 1 have different start times.
  await pause(50)
  const two = startWorker(UNSHARE, { AS: '2' })
  await two.ready

  const owners: Owner[] = []
  const folders = ['one', 'two', 'both'].map((name) => join(dir, name))
  for (const [folder, first, second] of [[folders[0]!, one, two] as const, [folders[1]!, two, one] as const]) {
    const requested = endpoint.nextRequest()
    const holding = first.get({ ...command, dir: folder })
    await requested
    // The second process finds a lock with its own pid, whose holder is in the other namespace.
    const names = readdirSync(join(folder, '.lock', KEY))
    owners.push(...names.map((name) => parseOwner(name)!))
    const [{ value }, other] = await Promise.all([holding, second.get({ ...command, dir: folder })])
    t.equal(value, `token-${owners.length}-of-the-upstream`)
    t.equal(other.value, value)
    t.equal(endpoint.requests.length, owners.length, 'one fetch in each folder')
  }
  t.strictSame(
    owners.map(({ pid }) => pid),
    [1, 1],
  )
  t.equal(
    new Set([...owners.map((owner) => owner.processScope), processScope()]).size,
    3,
    'three scopes: theirs, and that of this process',
  )

  const at = monotonic() + 200
  const answers = await Promise.all([one, two].map((worker) => worker.get({ ...command, dir: folders[2]!, startAt: at })))
  t.strictSame(
    answers.map(({ value }) => value),
    ['token-3-of-the-upstream', 'token-3-of-the-upstream'],
  )
  t.equal(endpoint.requests.length, 3)
  for (const folder of folders) t.strictSame(readdirSync(join(folder, '.lock')), [])
})

t.test(
  'A holder killed in another pid namespace is taken over after 10 s without a heartbeat',
  { skip: noNamespaces },
  async (t) => {
    const { endpoint, command, startWorker } = await setUp(t, 60)
    endpoint.delayMs = () => 60_000
    const [holder, waiter] = [startWorker(UNSHARE), startWorker(UNSHARE)]
    await Promise.all([holder.ready, waiter.ready])
    const requested = endpoint.nextRequest()
    holder.get(command)
    await requested
    const answer = waiter.get(command)
    // Longer than the silence that counts as death: its heartbeats keep the lock.
    await pause(11_000)
    t.equal(endpoint.requests.length, 1, 'it is not taken over while it lives')
    endpoint.delayMs = () => 50
    const killedAt = monotonic()
    process.kill(childOf(holder), 'SIGKILL')
    t.equal((await answer).value, 'token-2-of-the-upstream')
    t.equal(endpoint.requests.length, 2)
    // The last heartbeat was up to 2 s before the kill.
    t.ok(
      endpoint.requests[1]!.calledAt - killedAt > 7500,
      `${Math.round(endpoint.requests[1]!.calledAt - killedAt)} ms after the kill`,
    )
  },
)
