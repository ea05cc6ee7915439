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

// node-easywechat: a cache that cannot be written is a silent refetch on every call. These stop root as well.
const obstacles: [name: string, make: (base: string) => { dir: string; path: string }][] = [
  [
    'a file stands in the place of the folder',
    (base) => {
      writeFileSync(join(base, 'dogs'), '')
      return { dir: join(base, 'dogs'), path: join(base, 'dogs') }
    },
  ],
  [
    'a file stands in the place of the folder above it',
    (base) => {
      writeFileSync(join(base, 'above'), '')
      return { dir: join(base, 'above/dogs'), path: join(base, 'above/dogs') }
    },
  ],
  ...['.lock', '.state'].map((name): (typeof obstacles)[number] => [
    `a file stands in the place of ${name}`,
    (base) => {
      writeFileSync(join(base, name), '')
      return { dir: base, path: join(base, name) }
    },
  ]),
  [
    'a folder stands in the place of the record',
    (base) => {
      mkdirSync(join(base, 'KEY.dog'))
      return { dir: base, path: join(base, 'KEY.dog') }
    },
  ],
  [
    'a folder stands in the place of the ledger',
    (base) => {
      mkdirSync(join(base, '.state/KEY.json'), { recursive: true })
      return { dir: base, path: join(base, '.state/KEY.json') }
    },
  ],
]

for (const [name, make] of obstacles) {
  t.test(`where ${name}, get says so, names the path, and spends no fetch, however often it is called`, async (t) => {
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

t.test('when the obstacle is gone, the next get works', async (t) => {
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

// node-easywechat: the app secret is part of the cache file's name.
t.test('no file or folder is ever named after a value or an account', async (t) => {
  const dir = temporary((end) => t.teardown(end))
  const names = new Set<string>()
  const look = () => {
    for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) names.add(name)
  }
  const dog = dogIn(t, dir, { identity: 'wx-identity-of-mine' })
  dog.init('KEY', async () => {
    look()
    return { value: 'the-secret-value', expiresIn: 60 }
  })
  await dog.get('KEY')
  look()
  await dog.refresh('KEY', { force: true })
  look()
  t.ok(names.has('KEY.dog') && [...names].some((name) => /^\.lock.KEY.\d/.test(name)), [...names].join(' '))
  t.notMatch([...names].join('\n'), /secret-value|identity-of-mine/)
})

// wechat-jssdk: each process flushes what it remembers, and so puts a stale value back over a newer one.
t.test('a process that holds an older value neither writes it back nor goes on serving it', async (t) => {
  const dir = temporary((end) => t.teardown(end))
  const older = dogIn(t, dir)
  const newer = dogIn(t, dir)
  let fetches = 0
  for (const dog of [older, newer]) dog.init('KEY', async () => ({ value: `value ${++fetches}`, expiresIn: 60 }))
  t.equal(await older.get('KEY'), 'value 1')
  t.equal(await newer.refresh('KEY', { rejected: 'value 1' }), 'value 2')
  // Memory is compared with the file at most every 100 ms.
  while ((await older.get('KEY')) === 'value 1') await new Promise((resolve) => setTimeout(resolve, 5))
  t.equal(await older.get('KEY'), 'value 2')
  await older.close()
  t.match(stored(dir), { value: 'value 2' })
  t.equal(fetches, 2)
})

t.test('an answer that comes after its time-out does not replace a newer value', async (t) => {
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
  // That it was dropped is no event: it has many times as long as it needs to take the lease and look.
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(readFileSync(join(dir, 'KEY.dog'), 'utf8'), before)
  t.equal(await slow.get('KEY'), 'newer')
})

t.test('a value that could not be stored does not replace a newer one later', async (t) => {
  const dir = temporary((end) => t.teardown(end))
  const hindered = dogIn(t, dir)
  const other = dogIn(t, dir)
  const warned = new Promise((resolve) => hindered.on('warning', resolve))
  hindered.init('KEY', async () => {
    mkdirSync(join(dir, 'KEY.dog/in-the-way'), { recursive: true })
    return { value: 'older', expiresIn: 60 }
  })
  other.init('KEY', async () => ({ value: 'newer', expiresIn: 60 }))
  t.equal(await hindered.get('KEY'), 'older', 'it is served all the same')
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
