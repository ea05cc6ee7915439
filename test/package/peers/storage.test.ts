import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DogOptions, Result } from '../../../index.js'
import dotdog from '../../../src/core/index.js'
import { temporary } from '../../support/children.js'

const dogIn = (t: Test, dir: string, options: DogOptions = {}) => {
  const dog = dotdog.createDog({ dir, ...options })
  t.teardown(() => dog.close())
  return dog
}

const stored = (dir: string) => JSON.parse(readFileSync(join(dir, 'KEY.dog'), 'utf8'))

// Bug of node-easywechat: if the cache cannot be written, every call silently fetches. These obstacles
// stop root as well.
const obstacles: [name: string, make: (base: string) => { dir: string; path: string }][] = [
  [
    'a file has the path of the folder',
    (base) => {
      writeFileSync(join(base, 'dogs'), '')
      return { dir: join(base, 'dogs'), path: join(base, 'dogs') }
    },
  ],
  [
    'a file has the path of the parent folder',
    (base) => {
      writeFileSync(join(base, 'above'), '')
      return { dir: join(base, 'above/dogs'), path: join(base, 'above/dogs') }
    },
  ],
  ...['.lock', '.state'].map((name): (typeof obstacles)[number] => [
    `a file has the path of ${name}`,
    (base) => {
      writeFileSync(join(base, name), '')
      return { dir: base, path: join(base, name) }
    },
  ]),
  [
    'a folder has the path of the record',
    (base) => {
      mkdirSync(join(base, 'KEY.dog'))
      return { dir: base, path: join(base, 'KEY.dog') }
    },
  ],
  [
    'a folder has the path of the ledger',
    (base) => {
      mkdirSync(join(base, '.state/KEY.json'), { recursive: true })
      return { dir: base, path: join(base, '.state/KEY.json') }
    },
  ],
]

for (const [name, make] of obstacles) {
  t.test(`If ${name}, every get fails with an error that names the path, and no fetch is made`, async (t) => {
    const { dir, path } = make(temporary((end) => t.teardown(end)))
    const dog = dogIn(t, dir)
    let fetches = 0
    dog.init('KEY', async () => ({ value: `value ${++fetches}`, expiresIn: 60 }))
    for (let round = 0; round < 3; round++) {
      const error = await dog.get('KEY').then(
        () => undefined,
        (caught) => caught,
      )
      t.match(error, { name: 'DogError', code: 'ERR_DOG_STORE' })
      t.ok(String(error?.path).startsWith(path), `path: ${error?.path}`)
      t.ok(String(error?.message).includes(path), `message: ${error?.message}`)
    }
    t.equal(fetches, 0)
  })
}

t.test('After the obstacle is removed, the next get succeeds', async (t) => {
  const dir = join(
    temporary((end) => t.teardown(end)),
    'dogs',
  )
  writeFileSync(dir, '')
  const dog = dogIn(t, dir)
  dog.init('KEY', async () => ({ value: 'value', expiresIn: 60 }))
  await t.rejects(dog.get('KEY'), { code: 'ERR_DOG_STORE' })
  rmSync(dir)
  t.equal(await dog.get('KEY'), 'value')
  t.equal(stored(dir).value, 'value')
})

// Bug of node-easywechat: the AppSecret is part of the name of the cache file.
t.test('No file or folder name contains a value or an identity', async (t) => {
  const dir = temporary((end) => t.teardown(end))
  const names = new Set<string>()
  const collectNames = () => {
    for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) names.add(name)
  }
  const dog = dogIn(t, dir, { identity: 'wx-identity-of-mine' })
  dog.init('KEY', async () => {
    collectNames()
    return { value: 'the-secret-value', expiresIn: 60 }
  })
  await dog.get('KEY')
  collectNames()
  await dog.refresh('KEY', { force: true })
  collectNames()
  t.ok(names.has('KEY.dog') && [...names].some((name) => /^\.lock.KEY.\d/.test(name)), [...names].join(' '))
  t.notMatch([...names].join('\n'), /secret-value|identity-of-mine/)
})

// Bug of wechat-jssdk: each process writes its own memory, and so replaces a newer value by an older one.
t.test('A process with an older value does not write it back, and stops serving it', async (t) => {
  const dir = temporary((end) => t.teardown(end))
  const older = dogIn(t, dir)
  const newer = dogIn(t, dir)
  let fetches = 0
  for (const dog of [older, newer]) dog.init('KEY', async () => ({ value: `value ${++fetches}`, expiresIn: 60 }))
  t.equal(await older.get('KEY'), 'value 1')
  t.equal(await newer.refresh('KEY', { rejected: 'value 1' }), 'value 2')
  // A process compares its memory with the file every 100 ms.
  while ((await older.get('KEY')) === 'value 1') await new Promise((resolve) => setTimeout(resolve, 5))
  t.equal(await older.get('KEY'), 'value 2')
  await older.close()
  t.match(stored(dir), { value: 'value 2' })
  t.equal(fetches, 2)
})

t.test('A fetch that ends after its time-out does not replace a newer value', async (t) => {
  const dir = temporary((end) => t.teardown(end))
  const slow = dogIn(t, dir, { timeout: 0.3 })
  const quick = dogIn(t, dir)
  let answer: (result: Result) => void = () => {}
  slow.init('KEY', () => new Promise<Result>((resolve) => (answer = resolve)))
  quick.init('KEY', async () => ({ value: 'newer', expiresIn: 60 }))
  await t.rejects(slow.get('KEY'), { code: 'ERR_DOG_FETCH_TIMEOUT' })
  t.equal(await quick.refresh('KEY', { force: true }), 'newer')
  const before = readFileSync(join(dir, 'KEY.dog'), 'utf8')
  answer({ value: 'older', expiresIn: 60 })
  // Dropping the late value emits no event. 300 ms is many times what it needs to take the lease and
  // read the record.
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(readFileSync(join(dir, 'KEY.dog'), 'utf8'), before)
  t.equal(await slow.get('KEY'), 'newer')
})

t.test('A value that could not be stored does not replace a newer one later', async (t) => {
  const dir = temporary((end) => t.teardown(end))
  const hindered = dogIn(t, dir)
  const other = dogIn(t, dir)
  const warned = new Promise((resolve) => hindered.on('warning', resolve))
  hindered.init('KEY', async () => {
    mkdirSync(join(dir, 'KEY.dog/in-the-way'), { recursive: true })
    return { value: 'older', expiresIn: 60 }
  })
  other.init('KEY', async () => ({ value: 'newer', expiresIn: 60 }))
  t.equal(await hindered.get('KEY'), 'older', 'the caller gets it nevertheless')
  t.match(await warned, { code: 'ERR_DOG_STORE' })
  rmSync(join(dir, 'KEY.dog'), { recursive: true })
  t.equal(await other.get('KEY'), 'newer')
  const deadline = performance.now() + 10_000
  while ((await hindered.get('KEY')) === 'older' && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  t.equal(await hindered.get('KEY'), 'newer')
  t.equal(stored(dir).value, 'newer')
})
