import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fixture } from '../support/children.js'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'

// fixtures/recorded-folder was written by dotdog 0.1.0 on 2025-01-01; GUARD_DOG.dog is a file of guard_dog 3.1.4. It is never
// written again: what a version has stored, every later version must read.

const FAR = Date.UTC(2100, 0, 1)
const LONG_KEY = 'https://api.example/Token?app=Ä'
const encryptionKey = Buffer.alloc(32, 7)

/** The folder as it was on disk: git keeps neither modes nor empty folders. */
function recorded(t: Test): string {
  const dir = temporaryFolder(t)
  cpSync(fixture('recorded-folder'), dir, { recursive: true })
  mkdirSync(join(dir, '.lock'), { mode: 0o700 })
  writeFileSync(join(dir, '.gitignore'), '*\n')
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    chmodSync(join(dir, name), ['.state', '.lock'].includes(name) ? 0o700 : 0o600)
  }
  chmodSync(dir, 0o700)
  return dir
}

const START = Date.UTC(2025, 0, 1)

interface Recorded {
  value: unknown
  generation: number
  expiresAt: number
  options?: object
}
const RECORDED: Record<string, Recorded> = {
  PLAIN: { value: 'plain value', generation: START + 51, expiresAt: FAR },
  NEVER: { value: 'never expires', generation: START + 92, expiresAt: 8.64e15 },
  OBJECT: { value: { access_token: 'token', scope: ['a', 'b'], none: null }, generation: START + 103, expiresAt: FAR },
  IDENTITY: {
    value: 'of the account',
    generation: START + 117,
    expiresAt: FAR,
    options: { identity: 'account-1', quota: { limit: 100, window: 86_400 } },
  },
  ENCRYPTED: { value: 'a secret', generation: START + 126, expiresAt: FAR, options: { encryptionKey } },
  [LONG_KEY]: { value: 'of a long name', generation: START + 131, expiresAt: FAR },
  GUARD_DOG: { value: 'of guard_dog', generation: START, expiresAt: START + 3e12 },
}

const readJson = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'))
const fileName = (key: string): string => encodeURIComponent(key).replaceAll('.', '%2E')

/** A dog on the recorded folder. Its fetchers return `new`, and note their keys. */
function setUp(t: Test) {
  const dir = recorded(t)
  const dog = createDog({ dir })
  t.teardown(() => dog.close())
  const fetches: string[] = []
  for (const key of [...Object.keys(RECORDED), 'EXPIRED', 'FAILING']) {
    const fetcher = () => {
      fetches.push(key)
      return { value: 'new', expiresIn: 60 }
    }
    dog.init(key, fetcher, RECORDED[key]?.options)
  }
  const statusOf = async (key: string) => (await dog.status()).find((status) => status.key === key)
  return { dir, dog, fetches, statusOf }
}

t.test('Every valid value of a folder that dotdog 0.1.0 wrote is served without a fetch', async (t) => {
  const { dog, fetches } = setUp(t)
  for (const [key, { value }] of Object.entries(RECORDED)) t.same(await dog.get(key), value, key)
  t.same(fetches, [])
})

t.test('The status shows what dotdog 0.1.0 recorded of each key', async (t) => {
  const { statusOf } = setUp(t)
  for (const [key, { generation, expiresAt }] of Object.entries(RECORDED)) {
    t.match(await statusOf(key), { key, state: 'fresh', generation, expiresAt }, key)
  }
  t.match(await statusOf('IDENTITY'), { identity: 'account-1', by: 'recorded-host:4242', fetches: 0, quota: 100 })
  t.match(await statusOf('EXPIRED'), { state: 'expired', generation: START + 154, fetchedAt: START + 154 })
  t.match(await statusOf('FAILING'), {
    state: 'expired',
    generation: START + 169,
    failure: {
      at: START + 269,
      count: 1,
      retryAt: START + 604_800_269,
      code: 'ERR_DOG_FETCH',
      message: /upstream is down/,
    },
  })
})

t.test('A record that dotdog 0.1.0 encrypted is refused by a dog that has no key, and is not fetched anew', async (t) => {
  const dir = recorded(t)
  const dog = createDog({ dir })
  t.teardown(() => dog.close())
  let fetches = 0
  dog.init('ENCRYPTED', () => ({ value: `new ${++fetches}`, expiresIn: 60 }))
  t.match(await rejectionOf(dog.get('ENCRYPTED')), { code: 'ERR_DOG_DECRYPT' })
  t.equal(fetches, 0)
})

t.test('A record of dotdog 0.1.0 that belongs to another identity is refused, and is not fetched anew', async (t) => {
  const dir = recorded(t)
  const dog = createDog({ dir })
  t.teardown(() => dog.close())
  let fetches = 0
  dog.init('IDENTITY', () => ({ value: `new ${++fetches}`, expiresIn: 60 }), { identity: 'account-2' })
  t.match(await rejectionOf(dog.get('IDENTITY')), { code: 'ERR_DOG_IDENTITY' })
  t.equal(fetches, 0)
})

t.test('An expired value of dotdog 0.1.0, and one whose failure is over, are fetched once', async (t) => {
  const { dir, dog, fetches, statusOf } = setUp(t)
  for (const [key, last] of [
    ['EXPIRED', START + 154],
    ['FAILING', START + 170],
  ] as const) {
    t.equal(await dog.get(key), 'new')
    const status = await statusOf(key)
    t.ok(status!.generation! > last, 'the generation is newer than the last that was taken')
    t.equal(status!.failure, undefined)
    t.equal(readJson(dir, '.state', `${key}.json`).fetches.last, status!.generation)
  }
  t.same(fetches, ['EXPIRED', 'FAILING'])
})

t.test('A refresh of a record of dotdog 0.1.0 continues its generations, under the same file names and fields', async (t) => {
  const { dir, dog, fetches } = setUp(t)
  const names = () => readdirSync(dir).sort()
  const before = names()
  for (const [key, { generation }] of Object.entries(RECORDED)) {
    const old = readJson(dir, `${fileName(key)}.dog`)
    t.equal(await dog.refresh(key, { force: true }), 'new', key)
    const record = readJson(dir, `${fileName(key)}.dog`)
    t.ok(record.generation > generation, key)
    t.equal(readJson(dir, '.state', `${fileName(key)}.json`).fetches.last, record.generation, key)
    if ('dotdog' in old) t.same(Object.keys(record).sort(), Object.keys(old).sort(), key)
    t.match(record, { dotdog: 1, key }, key)
  }
  t.same(fetches, Object.keys(RECORDED))
  t.same(names(), before)
})
