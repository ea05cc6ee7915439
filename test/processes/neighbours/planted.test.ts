// Symbolic links and FIFOs in the place of our files are refused by name, and never followed or
// waited for.
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fixture, start } from '../../support/children.js'
import { rejectionOf } from '../../support/errors.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { nextEvent } from '../../support/test-dog.js'
import { pause } from '../../support/timing.js'
import { dogBesideFolder, obstacles, plantObstacle } from './setup.js'

const windows = process.platform === 'win32' && 'Windows has no FIFOs, and links only for administrators'

const places: Record<string, string> = {
  'the record': 'K.dog',
  'the lock': '.lock/K',
  'the folder of locks': '.lock',
  'the ledger': '.state/K.json',
  'the folder of ledgers': '.state',
}

for (const [place, path] of Object.entries(places)) {
  for (const what of Object.keys(obstacles)) {
    t.test(`In the place of ${place}, ${what} is refused`, { skip: windows }, async (t) => {
      const { dir, outside, dog, fetches, snapshot } = dogBesideFolder(t)
      plantObstacle(what, join(dir, path), outside)
      const kind = lstatSync(join(dir, path)).mode
      const before = snapshot()
      for (const call of [
        () => dog.get('K'),
        () => dog.refresh('K', { force: true }),
        () => dog.set('K', 'mine', { expiresIn: 9 }),
      ]) {
        const error = await rejectionOf(call())
        t.equal(error.code, 'ERR_DOG_STORE', String(error.message))
        t.ok(error.path?.startsWith(join(dir, path)), `path: ${error.path}`)
        t.ok(error.message.includes(join(dir, path)))
      }
      t.equal(dog.peek('K'), undefined)
      t.equal((await dog.status()).length, 1, 'status() still lists the key')
      t.equal(fetches.count, 0)
      t.equal(snapshot(), before, 'nothing outside has changed')
      t.equal(lstatSync(join(dir, path)).mode, kind, 'the obstacle is still there')
      rmSync(join(dir, path))
      t.equal(await dog.get('K'), 'value 1', 'a get works once the obstacle is gone')
    })
  }
}

t.test('A ledger behind a symbolic link to its folder is not used', { skip: windows }, async (t) => {
  const { dir, outside, dog } = dogBesideFolder(t)
  const failed = { at: Date.now(), count: 1, retryAt: Date.now() + 60_000, code: 'ERR_DOG_FETCH', message: 'planted' }
  const ledger = { dotdog: 1, key: 'K', fetches: { since: Date.now(), count: 1, last: 1 }, failure: failed }
  writeFileSync(join(outside, 'K.json'), JSON.stringify(ledger))
  plantObstacle('a symbolic link to a folder', join(dir, '.state'), outside)
  const error = await rejectionOf(dog.get('K'))
  t.equal(error.code, 'ERR_DOG_STORE', error.message)
})

t.test(
  'A folder that is a symbolic link to nothing is refused, and its target is not created',
  { skip: windows },
  async (t) => {
    const { dir, outside, dog, snapshot, fetches } = dogBesideFolder(t)
    symlinkSync(join(outside, 'nothing'), dir)
    const before = snapshot()
    t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_STORE', path: dir })
    t.equal(fetches.count, 0)
    t.equal(snapshot(), before)
  },
)

/**
 * The name of an owner file as this process would make it, but with a low fencing token and the pid
 * of a dead process.
 */
async function deadOwner(t: Test): Promise<string> {
  const child = start(fixture('only-get.cjs'), { DIR: temporaryFolder(t), URL: 'http://127.0.0.1:9/' })
  await child.exited
  const { dir, dog } = dogBesideFolder(t)
  let name = ''
  dog.init('K', () => {
    name = readdirSync(join(dir, '.lock/K'))[0]!
    return { value: 'x', expiresIn: 1 }
  })
  await dog.get('K')
  const [, place, , ...rest] = name.split('.')
  return ['1', place, child.pid, ...rest].join('.')
}

for (const what of Object.keys(obstacles)) {
  t.test(
    `In the place of the file of a dead holder, ${what} is removed, and its target is not`,
    { skip: windows },
    async (t) => {
      const { dir, outside, dog, snapshot } = dogBesideFolder(t)
      const owner = await deadOwner(t)
      plantObstacle(what, join(dir, '.lock/K', owner), outside)
      const before = snapshot()
      t.equal(await dog.get('K'), 'value 1')
      t.equal(snapshot(), before)
      t.strictSame(readdirSync(join(dir, '.lock')), [])
    },
  )

  t.test(
    `In the place of the lock that a dead process prepared, ${what} does not lead to the removal of its target`,
    { skip: windows },
    async (t) => {
      const { dir, outside, dog, snapshot } = dogBesideFolder(t)
      const owner = await deadOwner(t)
      writeFileSync(join(outside, owner), 'theirs too')
      plantObstacle(what, join(dir, '.lock', `~${owner}`), outside)
      const before = snapshot()
      t.equal(await dog.get('K'), 'value 1')
      t.equal(snapshot(), before)
    },
  )

  t.test(
    `In the place of temporary files of a ledger and a damaged record, ${what} does not lead to a write to its target`,
    { skip: windows },
    async (t) => {
      const { dir, outside, dog, snapshot } = dogBesideFolder(t)
      plantObstacle(what, join(dir, '.state/K.json.0123456789abcdef'), outside)
      plantObstacle(what, join(dir, '.state/K.damaged'), outside)
      writeFileSync(join(dir, 'K.dog'), '{"dotdog":1,"value":"half')
      const before = snapshot()
      t.equal(await dog.get('K'), 'value 1')
      t.equal(snapshot(), before)
    },
  )

  t.test(
    `If ${what} replaces the temporary file of a ledger during a fetch, its target is not written, and the failure is recorded`,
    { skip: windows },
    async (t) => {
      const { dir, outside, dog, snapshot } = dogBesideFolder(t, { timeout: 10 })
      let before = ''
      dog.init('K', async () => {
        // The name of the owner ends with the nonce that names the file.
        const nonce = readdirSync(join(dir, '.lock/K'))[0]!.split('.').at(-1)!
        obstacles[what]!(join(dir, `.state/K.json.${nonce}`), outside)
        before = snapshot()
        throw new Error('down')
      })
      t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_FETCH', message: /down/ })
      t.equal(snapshot(), before)
      t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_FETCH', retryAt: Number })
    },
  )

  t.test(
    `If ${what} replaces the file of the holder during a fetch, the value is served, and its target is not written`,
    { skip: windows },
    async (t) => {
      const { dir, outside, dog, snapshot } = dogBesideFolder(t, { timeout: 10 })
      let before = ''
      dog.init('K', async () => {
        const lock = join(dir, '.lock/K')
        const file = join(lock, readdirSync(lock)[0]!)
        unlinkSync(file)
        obstacles[what]!(file, outside)
        utimesSync(join(outside, 'file'), 1_000_000, 1_000_000)
        before = snapshot()
        // Longer than the 2 s between two heartbeats.
        await pause(2600)
        return { value: 'fetched', expiresIn: 60 }
      })
      const warned = nextEvent(dog, 'warning')
      t.equal(await dog.get('K'), 'fetched')
      t.match(await warned, { code: 'ERR_DOG_STORE' })
      t.equal(snapshot(), before)
    },
  )
}

t.test('FIFOs and devices under names of other keys block neither status() nor keys()', { skip: windows }, async (t) => {
  const { dir, dog } = dogBesideFolder(t)
  mkdirSync(dir, { mode: 0o700 })
  for (const name of ['FIFO.dog', `${'x'.repeat(160)}~0123456789abcdef.dog`]) execFileSync('mkfifo', [join(dir, name)])
  symlinkSync('/dev/zero', join(dir, 'ENDLESS.dog'))
  const status = await dog.status()
  t.strictSame(
    status.map(({ key, state }) => [key, state]),
    [
      ['ENDLESS', 'unreadable'],
      ['FIFO', 'unreadable'],
      ['K', 'missing'],
    ],
  )
})
