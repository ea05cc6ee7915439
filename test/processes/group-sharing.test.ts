// Two users who share a folder by a group that is the first group of neither.
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startUpstream } from '../long/chaos/upstream.js'
import { temporaryFolder, Worker } from '../long/chaos/workers.js'
import { asUser, readableWorker } from '../support/other-user.js'
import { pause } from '../support/timing.js'

const KEY = 'TOKEN'
const USERS = [65_531, 65_532] as const
const GROUP = 65_530
const SETGID = 0o2000

const { script, remove } = readableWorker()
t.teardown(remove)

function reasonNotToRun(): string | undefined {
  const [command, ...args] = asUser(script, USERS[0], USERS[0], GROUP)
  try {
    execFileSync(command!, [...args, process.execPath], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'skipped: only root can start processes of other users'
  }
}
const skip = process.getuid?.() === 0 ? reasonNotToRun() : 'skipped: only root can start processes of other users'

async function setUp(t: Test, mode: number) {
  const { dir: root, remove } = temporaryFolder()
  chmodSync(root, 0o755)
  const upstream = await startUpstream()
  const endpoint = upstream.endpoint('group')
  const workers = USERS.map((uid) => new Worker(asUser(script, uid, uid, GROUP)))
  t.teardown(async () => {
    for (const worker of workers) worker.process.kill('SIGKILL')
    await Promise.all(workers.map(({ exited }) => exited))
    await upstream.close()
    remove()
  })
  const [one, other] = workers as [Worker, Worker]
  await Promise.all(workers.map(({ ready }) => ready))
  const command = (dir: string) => ({ dir, key: KEY, url: endpoint.url, timeout: 5, mode })
  return { root, endpoint, one, other, command }
}

function makeFolder(path: string, uid: number, mode: number): string {
  mkdirSync(path)
  chownSync(path, uid, GROUP)
  chmodSync(path, mode)
  return path
}

/** Whatever dotdog put into the folder, with its group and mode. */
const inside = (dir: string) =>
  readdirSync(dir, { recursive: true })
    .map(String)
    .filter((name) => name !== '.gitignore')
    .map((name) => ({ name, stat: statSync(join(dir, name)) }))

function checkOwnership(t: Test, dir: string, setgid: number): void {
  const found = inside(dir)
  t.ok(found.length >= 4, found.map(({ name }) => name).join())
  for (const { name, stat } of found) {
    t.equal(stat.gid, GROUP, `${name} has the group of the folder`)
    t.equal(stat.mode & 0o7777, stat.isDirectory() ? 0o770 | setgid : 0o660, `the mode of ${name}`)
  }
  t.equal(statSync(dir).mode & SETGID, setgid, 'the folder keeps its setgid bit')
}

for (const [what, uid, mode] of [
  ['with the setgid bit', 0, 0o2770],
  ['without the setgid bit', 0, 0o770],
  ['that belongs to one of them', USERS[0], 0o2770],
] as const) {
  t.test(`Two users with one supplementary group share a folder ${what}`, { skip }, async (t) => {
    const { root, endpoint, one, other, command } = await setUp(t, 0o660)
    const dir = makeFolder(join(root, 'dog'), uid, mode)
    endpoint.expiresIn = 1
    const first = await one.get(command(dir))
    t.equal(first.value, 'token-1-of-the-upstream', `${first.message}`)
    const read = await other.get(command(dir))
    t.equal(read.value, 'token-1-of-the-upstream', `${read.message}`)
    checkOwnership(t, dir, mode & SETGID)
    await pause(1100)
    endpoint.expiresIn = 7200
    const second = await other.get(command(dir))
    t.equal(second.value, 'token-2-of-the-upstream', `${second.message}`)
    const back = await one.get(command(dir))
    t.equal(back.value, 'token-2-of-the-upstream', `${back.message}`)
    t.equal(endpoint.requests.length, 2)
    checkOwnership(t, dir, mode & SETGID)
  })
}

t.test('A folder that dotdog makes in a shared parent is shared too', { skip }, async (t) => {
  const { root, endpoint, one, other, command } = await setUp(t, 0o660)
  const dir = join(makeFolder(join(root, 'parent'), 0, 0o2770), '.dog')
  for (const worker of [one, other]) {
    const { value, message } = await worker.get(command(dir))
    t.equal(value, 'token-1-of-the-upstream', `${message}`)
  }
  t.equal(endpoint.requests.length, 1)
  checkOwnership(t, dir, SETGID)
})

t.test('A member of the group takes over from a killed holder of another user', { skip }, async (t) => {
  const { root, endpoint, one, other, command } = await setUp(t, 0o660)
  const dir = makeFolder(join(root, 'dog'), 0, 0o2770)
  endpoint.delayMs = () => 1000
  const asked = endpoint.nextRequest()
  one.get(command(dir)).catch(() => {})
  await asked
  one.kill()
  const { value, message } = await other.get(command(dir))
  t.equal(value, 'token-2-of-the-upstream', `${message}`)
  t.strictSame(
    inside(dir).filter(({ name }) => name.startsWith('.lock/')),
    [],
    'no lock is left',
  )
})

t.test('With 0640 a member of the group reads what the owner of the folder fetched', { skip }, async (t) => {
  const { root, endpoint, one, other, command } = await setUp(t, 0o640)
  const dir = makeFolder(join(root, 'dog'), USERS[0], 0o2750)
  for (const worker of [one, other]) {
    const { value, message } = await worker.get(command(dir))
    t.equal(value, 'token-1-of-the-upstream', `${message}`)
  }
  t.equal(endpoint.requests.length, 1)
})

t.test('A folder of another user and of a group that is not ours stays refused', { skip }, async (t) => {
  const { root, endpoint, one, command } = await setUp(t, 0o660)
  const dir = makeFolder(join(root, 'dog'), USERS[1], 0o775)
  chownSync(dir, USERS[1], USERS[1])
  t.match(await one.get(command(dir)), { code: 'ERR_DOG_STORE', message: /belongs to another user/ })
  t.equal(endpoint.requests.length, 0)
})
