// Folders and files that belong to other users, or that other users may write.
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { DIST_ENTRY } from '../../support/children.js'
import { rejectionOf } from '../../support/errors.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { createDog } from '../../support/test-dog.js'
import { dogBesideFolder, isRoot, NOBODY_UID } from './setup.js'

const needsRoot = !isRoot && 'skipped: only root can make files of other users'
const needsUsers = process.getuid === undefined && 'skipped: this system has no users of this kind'

const RECORD = { dotdog: 1, key: 'K', value: 'planted', fetchedAt: Date.now(), ahead: 5, generation: 7 }
const record = () => JSON.stringify({ ...RECORD, expiresAt: Date.now() + 60_000 })

t.test('A folder that everybody may write is refused', { skip: needsUsers }, async (t) => {
  const { dir, dog, fetches } = dogBesideFolder(t)
  mkdirSync(dir)
  writeFileSync(join(dir, 'K.dog'), record(), { mode: 0o600 })
  chmodSync(dir, 0o777)
  const error = await rejectionOf(dog.get('K'))
  t.match(error, { code: 'ERR_DOG_STORE', path: dir, message: /writable by everybody/ })
  t.equal(fetches.count, 0)
  t.equal(dog.peek('K'), undefined)
})

t.test(
  'A folder that became writable by everybody after its first use is refused at the next acquire',
  { skip: needsUsers },
  async (t) => {
    const { dir, dog, fetches } = dogBesideFolder(t)
    await dog.get('K')
    chmodSync(dir, 0o777)
    t.match(await rejectionOf(dog.refresh('K')), { code: 'ERR_DOG_STORE', path: dir })
    t.equal(fetches.count, 1)
  },
)

t.test('A folder of another user is refused, and the error names its owner', { skip: needsRoot }, async (t) => {
  const { dir, dog, fetches } = dogBesideFolder(t)
  mkdirSync(dir, { mode: 0o700 })
  writeFileSync(join(dir, 'K.dog'), record(), { mode: 0o600 })
  chownSync(dir, NOBODY_UID, NOBODY_UID)
  t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_STORE', path: dir, message: new RegExp(`uid ${NOBODY_UID}`) })
  t.equal(fetches.count, 0)
})

for (const [what, make, why] of [
  ['belongs to another user', (path: string) => chownSync(path, NOBODY_UID, NOBODY_UID), new RegExp(`uid ${NOBODY_UID}`)],
  ['is writable by everybody', (path: string) => chmodSync(path, statSync(path).mode | 0o002), /writable by everybody/],
] as const) {
  const skip = what === 'belongs to another user' ? needsRoot : needsUsers
  // The folder of a project (with a package.json), whose mode the engine must not change.
  for (const place of ['K.dog', '.state/K.json', '.lock', '.state', '.lock/K', '.lock/K/with a file in it']) {
    const file = place.replace('/with', ' with')
    t.test(`If ${file} ${what}, it is refused, as its content cannot be trusted`, { skip }, async (t) => {
      const { dir, dog, fetches } = dogBesideFolder(t)
      mkdirSync(dir)
      writeFileSync(join(dir, 'package.json'), '{}')
      chmodSync(dir, 0o755)
      for (const folder of ['.lock', '.state']) mkdirSync(join(dir, folder), { mode: 0o700 })
      writeFileSync(
        join(dir, '.state/K.json'),
        JSON.stringify({ dotdog: 1, key: 'K', fetches: { since: 1, count: 1, last: 1 } }),
      )
      if (place === 'K.dog') writeFileSync(join(dir, place), record(), { mode: 0o600 })
      const [path = '', inside] = join(dir, place).split(/(?<=\.lock\/K)\//)
      if (place.startsWith('.lock/')) mkdirSync(path, { mode: 0o700 })
      if (inside !== undefined) writeFileSync(join(path, inside), '')
      make(path)
      const error = await rejectionOf(dog.get('K'))
      t.match(error, { code: 'ERR_DOG_STORE', path, message: why })
      t.equal(fetches.count, 0)
      t.equal(dog.peek('K'), undefined)
    })
  }
}

t.test(
  'In a folder that is shared with a group, a record that another user of the group wrote is used',
  { skip: needsRoot },
  async (t) => {
    const dir = join(temporaryFolder(t), '.dog')
    mkdirSync(dir)
    chmodSync(dir, 0o770)
    writeFileSync(join(dir, 'K.dog'), record())
    chmodSync(join(dir, 'K.dog'), 0o660)
    chownSync(join(dir, 'K.dog'), NOBODY_UID, 0)
    const dog = createDog({ dir, mode: 0o660 })
    t.teardown(() => dog.close())
    t.equal(await dog.get('K'), 'planted')
  },
)

/** The result that another user gets from the built package. */
function getAsNobody(dir: string, base: string): Record<string, string> {
  // The other user may not be able to reach the repository. A copy of one file is all that a read
  // needs.
  const copy = join(base, 'dotdog.cjs')
  writeFileSync(copy, readFileSync(join(dirname(DIST_ENTRY), 'engine.js')), { mode: 0o644 })
  const script = `
    const dog = require(${JSON.stringify(copy)})
    let fetches = 0
    dog.init('K', () => ({ value: 'v' + ++fetches, expiresIn: 60 }), ${JSON.stringify(dir)})
    dog.get('K').then((value) => ({ value }), ({ code, message, path }) => ({ code, message, path }))
      .then((answer) => console.log(JSON.stringify({ ...answer, fetches })))`
  // That user cannot read what a test runner preloads in each process.
  const command = ['-c', 'unset NODE_OPTIONS; exec "$0" -e "$1"', process.execPath, script]
  const out = execFileSync('/bin/sh', command, {
    uid: NOBODY_UID,
    gid: NOBODY_UID,
    cwd: '/',
    env: {},
    encoding: 'utf8',
  })
  return JSON.parse(out)
}

t.test(
  'A record that root created is refused to another user without a fetch, and the error names root',
  { skip: needsRoot },
  (t) => {
    const base = temporaryFolder(t)
    chmodSync(base, 0o755)
    const dir = join(base, '.dog')
    mkdirSync(dir)
    writeFileSync(join(dir, 'K.dog'), record(), { mode: 0o600 })
    chmodSync(dir, 0o755)
    t.match(getAsNobody(dir, base), { code: 'ERR_DOG_STORE', path: join(dir, 'K.dog'), message: /belongs to root/, fetches: 0 })
    chmodSync(dir, 0o700)
    t.match(
      getAsNobody(dir, base),
      { code: 'ERR_DOG_STORE', message: /belongs to root/, fetches: 0 },
      'in a folder that the other user cannot read',
    )
    t.equal(JSON.parse(readFileSync(join(dir, 'K.dog'), 'utf8')).generation, 7, 'the record is unchanged')
    t.end()
  },
)

t.test(
  'From a readable folder of root another user gets valid values, and a fetch is refused before it begins',
  { skip: needsRoot },
  (t) => {
    const base = temporaryFolder(t)
    chmodSync(base, 0o755)
    const dir = join(base, '.dog')
    mkdirSync(dir)
    writeFileSync(join(dir, 'K.dog'), record())
    chmodSync(join(dir, 'K.dog'), 0o644)
    chmodSync(dir, 0o755)
    t.match(getAsNobody(dir, base), { value: 'planted', fetches: 0 })
    writeFileSync(join(dir, 'K.dog'), JSON.stringify({ ...RECORD, expiresAt: Date.now() - 1 }))
    t.match(getAsNobody(dir, base), { code: 'ERR_DOG_STORE', message: /belongs to root/, fetches: 0 })
    t.end()
  },
)
