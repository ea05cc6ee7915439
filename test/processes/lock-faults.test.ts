import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { processScope } from '../../src/core/stores/file/liveness.js'
import { start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'

/**
 * Faults between winning a lock and returning it, or during a commit. Such a fault once left the
 * lock held until its time-out.
 */

const script = join(import.meta.dirname, 'fixtures/failing-file-system.cjs')

/** A lock of this boot whose process does not exist, and the ledger that it did not finish. */
function leaveLedgerOfDeadHolder(dir: string, key: string): void {
  const nonce = '0123456789abcdef'
  const scope = processScope()
  mkdirSync(join(dir, '.state'), { recursive: true })
  mkdirSync(join(dir, '.lock', key), { recursive: true })
  writeFileSync(join(dir, '.lock', key, `1.${scope}.${2 ** 31 - 2}.1.1.1000.${nonce}`), '')
  writeFileSync(join(dir, '.state', `${key}.json.${nonce}`), '')
}

interface TimedResult {
  answer: unknown
  locks: string[]
  ms: number
}

async function run(t: Test, dir: string, env: { CALL: string; FAULT?: string; CODE?: string }) {
  const child = start(script, { DIR: dir, ...env })
  t.teardown(() => child.process.kill('SIGKILL'))
  // A lock that was left is taken after 3 s. A process that does not end by itself gets more time
  // than that.
  const watchdog = setTimeout(() => child.process.kill('SIGKILL'), 15_000)
  const { out, err, code } = await child.exited
  clearTimeout(watchdog)
  t.equal(code, 0, 'the process ends by itself')
  if (out === '') throw new Error(err)
  const { first, second, fetches } = JSON.parse(out) as { first: TimedResult; second: TimedResult; fetches: number }
  t.same(first.locks, [], 'no lock is left')
  t.same(second.locks, [])
  t.equal(second.answer, null, 'the next call succeeds')
  return { first, second, fetches }
}

for (const fault of ['list .lock']) {
  t.test(`A fault while sweeping (${fault}) costs neither the value nor a lock`, async (t) => {
    const { first, fetches } = await run(t, temporaryFolder(t), { CALL: 'get', FAULT: fault })
    t.equal(first.answer, 'v1')
    t.equal(fetches, 1)
  })
}

for (const CODE of ['EPERM', 'EACCES', 'EXDEV', 'ENOTEMPTY']) {
  t.test(`A lock that another process won first is waited for, if the rename says ${CODE}`, async (t) => {
    const { first, fetches } = await run(t, temporaryFolder(t), { CALL: 'get', FAULT: 'race', CODE })
    t.equal(first.answer, 'v1')
    t.equal(fetches, 1)
  })
}

for (const call of ['statSync', 'lstatSync', 'openSync', 'fstatSync', 'readSync', 'readdirSync', 'opendirSync', 'unlinkSync']) {
  t.test(`A path that leads to a replaced file (ESTALE) is looked up again: ${call}`, async (t) => {
    const dir = temporaryFolder(t)
    const dog = createDog({ dir })
    await dog.set('K', 'old', { expiresIn: 0.001 })
    await dog.close()
    leaveLedgerOfDeadHolder(dir, 'K')
    const { first, fetches } = await run(t, dir, { CALL: 'get', FAULT: `stale ${call}` })
    t.equal(first.answer, 'v1')
    t.equal(fetches, 1)
  })
}

t.test('A folder that cannot be made for want of quota says EDQUOT', async (t) => {
  const dir = join(temporaryFolder(t), 'parent', 'dog')
  const { first, fetches } = await run(t, dir, { CALL: 'get', FAULT: 'over quota' })
  t.match(first.answer, { code: 'ERR_DOG_STORE', message: /cannot be made.*\(EDQUOT\)/ })
  t.equal(fetches, 0)
})

t.test('A stale temporary file that cannot be removed costs neither the value nor a lock', async (t) => {
  const dir = temporaryFolder(t)
  leaveLedgerOfDeadHolder(dir, 'K')
  const { first } = await run(t, dir, { CALL: 'get', FAULT: 'unlink stale file' })
  t.equal(first.answer, 'v1')
})

t.test('Whoever evicts a dead holder removes the ledger that it was writing', async (t) => {
  const dir = temporaryFolder(t)
  const temps = () => readdirSync(join(dir, '.state')).filter((name) => /\.json\./.test(name))
  for (const key of ['K', 'OTHER']) leaveLedgerOfDeadHolder(dir, key)
  t.equal(temps().length, 2)
  const dog = createDog({ dir })
  dog.init('K', async () => ({ value: 'v', expiresIn: 3600 }))
  t.equal(await dog.get('K'), 'v')
  t.same(temps(), [])
  await dog.close()
})

// Names that look like ours but that we would not have made.
const strangeNames: [what: string, make: (dir: string) => void][] = [
  ['a folder named like a stale file of .state', (dir) => mkdirSync(join(dir, '.state/K.json.123'), { recursive: true })],
  ['a non-empty folder named like a stale file', (dir) => mkdirSync(join(dir, '.state/K.json.123/full'), { recursive: true })],
  ['a folder in a lock', (dir) => mkdirSync(join(dir, '.lock/OTHER/folder/full'), { recursive: true })],
  [
    'a file named like a lock',
    (dir) => {
      mkdirSync(join(dir, '.lock'))
      writeFileSync(join(dir, '.lock/OTHER'), '')
    },
  ],
  [
    'a file named like a lock in preparation, of a process long gone',
    (dir) => {
      mkdirSync(join(dir, '.lock'))
      writeFileSync(join(dir, '.lock/~1.0123456789abcdef.1.1.1.1.0123456789abcdef'), '')
    },
  ],
  ['a name that dotdog would not make', (dir) => mkdirSync(join(dir, '.lock/~strange/%/'), { recursive: true })],
]

for (const [what, make] of strangeNames) {
  t.test(`The folder may contain ${what}: neither the value nor a lock is lost`, async (t) => {
    const dir = temporaryFolder(t)
    make(dir)
    const dog = createDog({ dir, timeout: 1 })
    t.teardown(() => dog.close())
    let fetches = 0
    dog.init('K', async () => ({ value: `v${++fetches}`, expiresIn: 3600 }))
    t.equal(await dog.get('K'), 'v1')
    t.equal(await dog.refresh('K'), 'v2')
    t.match(await dog.status(), [{ key: 'K', state: 'fresh' }])
    t.notOk((await dog.status())[0]!.holder)
    t.equal(fetches, 2)
  })
}

for (const [call, fault] of [
  ['set', 'fsync'],
  ['remove', 'unlink record'],
] as const) {
  t.test(`A ${call} whose commit throws leaves no lock, and lets the process end`, async (t) => {
    const dir = temporaryFolder(t)
    const dog = createDog({ dir })
    await dog.set('K', 'before', { expiresIn: 3600 })
    await dog.close()
    const { first } = await run(t, dir, { CALL: call, FAULT: fault })
    t.match(first.answer, { name: 'DogError', code: 'ERR_DOG_STORE' })
  })
}

t.test('A fetch whose commit throws serves the value, leaves no lock, and lets the process end', async (t) => {
  const { first, fetches } = await run(t, temporaryFolder(t), { CALL: 'get', FAULT: 'second fsync' })
  t.equal(first.answer, 'v1')
  t.equal(fetches, 1)
})

for (const fault of ['fsync', 'open to write', 'ftruncate']) {
  t.test(`A storage that cannot commit (${fault}) is found before a fetch is spent or counted`, async (t) => {
    const dir = temporaryFolder(t)
    const { first, fetches } = await run(t, dir, { CALL: 'get', FAULT: fault })
    t.match(first.answer, { code: 'ERR_DOG_STORE', path: join(dir, 'K.dog'), message: /could not be written.*EIO/ })
    t.equal(fetches, 0)
    t.notOk(readdirSync(join(dir, '.state')).includes('K.json'), 'no attempt is counted')
  })
}

/**
 * An attempt that is given up before its fetch, as the folder is too slow, once counted against the
 * quota.
 */

t.test('A folder too slow for the time-out gives ERR_DOG_STORE, and nothing is counted against the quota', async (t) => {
  const dir = temporaryFolder(t)
  const child = start(join(import.meta.dirname, 'fixtures/slow-ledger.cjs'), { DIR: dir })
  t.teardown(() => child.process.kill('SIGKILL'))
  const { out, err } = await child.exited
  const answer = JSON.parse(out || err)
  t.match(answer, { code: 'ERR_DOG_STORE', path: join(dir, 'K.dog'), fetches: 0 })
  t.match(answer.message, /half of the time-out/)
  t.match(JSON.parse(readFileSync(join(dir, '.state/K.json'), 'utf8')), { fetches: { count: 0 } })
  t.same(
    readdirSync(join(dir, '.lock'), { recursive: true }).filter((name) => String(name).includes('/')),
    [],
    'no lock is left',
  )
})

/**
 * A process reads some files to find its process scope. One failed read, for want of descriptors,
 * once gave it another scope than its neighbours for good.
 */

const scopeScript = join(import.meta.dirname, 'fixtures/process-scope.cjs')

const scopeFiles = ['/proc/sys/kernel/random/boot_id', '/proc/self', '/proc/self/ns/pid', '/proc/self/ns/time']

t.test(
  'A passing fault while a process identifies itself does not change its process scope',
  { skip: process.platform !== 'linux' && 'there is no /proc' },
  async (t) => {
    const dir = temporaryFolder(t)
    const run = async (env: Record<string, string>) => {
      const child = start(scopeScript, { DIR: dir, ...env })
      t.teardown(() => child.process.kill('SIGKILL'))
      const { out, err } = await child.exited
      return JSON.parse(out || err) as { first: string; second: string; processScope: string }
    }
    const { processScope } = await run({})
    t.match(processScope, /^[0-9a-f]{16}$/)
    for (const file of scopeFiles) {
      const faulty = await run({ CODE: 'EMFILE', FILE: file })
      t.match(faulty.first, /^(v|ERR_DOG_STORE)$/, file)
      t.same({ processScope: faulty.processScope, second: faulty.second }, { processScope, second: 'v' }, file)
    }
  },
)
