import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { thisPlace, thisStart } from '../../src/stores/file/liveness.js'
import { makeOwner } from '../../src/stores/file/names.js'
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
  const parts = { number: 7, place: thisPlace(), pid: process.pid, nonce: '0123456789abcdef' }
  const { name } = makeOwner({ ...parts, start, since: Math.floor(monotonic()), timeout })
  mkdirSync(join(dir, '.lock', KEY), { recursive: true, mode: 0o700 })
  writeFileSync(join(dir, '.lock', KEY, name), '')
}

t.test('a pid that was given to another process since does not hold the lock: one fetch, at once', async (t) => {
  const { dir, desk, task, hire } = await setting(t, 30)
  forgeLock(dir, String(Number(thisStart()) - 1), 30_000)
  const { value } = await hire().get(task)
  t.equal(value, 'token-1-of-the-upstream')
  t.equal(desk.asked.length, 1)
})

t.test('the same with its own start time is alive: not robbed before its time-out and 2 s', async (t) => {
  const { dir, desk, task, hire } = await setting(t, 30)
  const since = monotonic()
  forgeLock(dir, thisStart(), 500)
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

t.test('two pid namespaces, pid 1 in both, on one folder make one fetch', { skip: noNamespaces }, async (t) => {
  const { dir, desk, task, hire } = await setting(t, 30)
  desk.delay = () => 1000
  const [one, two] = [hire(UNSHARE, { AS: '1' }), hire(UNSHARE, { AS: '2' })]
  await Promise.all([one.ready, two.ready])
  const at = monotonic() + 200
  const answers = await Promise.all([one.get({ ...task, at }), two.get({ ...task, at })])
  t.strictSame(
    answers.map(({ value }) => value),
    ['token-1-of-the-upstream', 'token-1-of-the-upstream'],
  )
  t.equal(desk.asked.length, 1)
  t.strictSame(readdirSync(join(dir, '.lock')), [])
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
  // The only child of `unshare` is the holder.
  const children = execFileSync('cat', [`/proc/${holder.pid}/task/${holder.pid}/children`], { encoding: 'utf8' })
  process.kill(Number(children), 'SIGKILL')
  t.equal((await answer).value, 'token-2-of-the-upstream')
  t.equal(desk.asked.length, 2)
  // The last heartbeat was up to 2 s before the kill.
  t.ok(desk.asked[1]!.call - killedAt > 7500, `${Math.round(desk.asked[1]!.call - killedAt)} ms after the kill`)
})
