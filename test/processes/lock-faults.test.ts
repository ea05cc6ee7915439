import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'

/** What failed between winning the lock and handing it over, or while committing under it, left it held until its time-out. */

const script = join(import.meta.dirname, 'fixtures/faulty.cjs')

interface Told {
  answer: unknown
  locks: string[]
  ms: number
}

async function run(t: Test, dir: string, env: { CALL: string; FAULT?: string }) {
  const child = start(script, { DIR: dir, ...env })
  t.teardown(() => child.process.kill('SIGKILL'))
  // Time-out and grace of a lock that was left are 3 s; a process that does not end by itself is given more.
  const watchdog = setTimeout(() => child.process.kill('SIGKILL'), 15_000)
  const { out, err, code } = await child.exited
  clearTimeout(watchdog)
  t.equal(code, 0, 'the process ends by itself')
  if (out === '') throw new Error(err)
  const { first, second, fetches } = JSON.parse(out) as { first: Told; second: Told; fetches: number }
  t.same(first.locks, [], 'no lock is left')
  t.same(second.locks, [])
  t.equal(second.answer, null, 'the next call does its work')
  return { first, second, fetches }
}

for (const fault of ['list .state', 'list .lock']) {
  t.test(`a fault while sweeping (${fault}) costs neither the value nor a lock`, async (t) => {
    const { first, fetches } = await run(t, temporaryFolder(t), { CALL: 'get', FAULT: fault })
    t.equal(first.answer, 'v1')
    t.equal(fetches, 1)
  })
}

t.test('litter that cannot be removed while sweeping costs neither the value nor a lock', async (t) => {
  const dir = temporaryFolder(t)
  mkdirSync(join(dir, '.state'))
  writeFileSync(join(dir, '.state/K.json.123'), '')
  const { first } = await run(t, dir, { CALL: 'get', FAULT: 'unlink litter' })
  t.equal(first.answer, 'v1')
})

// A name that looks like ours, and is not what we would have made.
const strange: [what: string, make: (dir: string) => void][] = [
  ['a folder named like litter in .state', (dir) => mkdirSync(join(dir, '.state/K.json.123'), { recursive: true })],
  ['a full folder named like litter', (dir) => mkdirSync(join(dir, '.state/K.json.123/full'), { recursive: true })],
  ['a folder in a lock', (dir) => mkdirSync(join(dir, '.lock/OTHER/folder/full'), { recursive: true })],
  [
    'a file in the place of a lock',
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
  ['a name that nobody made', (dir) => mkdirSync(join(dir, '.lock/~strange/%/'), { recursive: true })],
]

for (const [what, make] of strange) {
  t.test(`${what} costs neither the value nor a lock`, async (t) => {
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
  t.test(`a ${call} whose commit throws leaves no lock, and lets the process end`, async (t) => {
    const dir = temporaryFolder(t)
    const dog = createDog({ dir })
    await dog.set('K', 'before', { expiresIn: 3600 })
    await dog.close()
    const { first } = await run(t, dir, { CALL: call, FAULT: fault })
    t.match(first.answer, { name: 'DogError', code: 'ERR_DOG_STORE' })
  })
}

t.test('a fetch whose commit throws serves the value, leaves no lock, and lets the process end', async (t) => {
  const { first, fetches } = await run(t, temporaryFolder(t), { CALL: 'get', FAULT: 'fsync' })
  t.equal(first.answer, 'v1')
  t.equal(fetches, 1)
})
