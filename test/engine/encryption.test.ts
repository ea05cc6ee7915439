import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Dog, DogError, KeyOptions } from '../../index.js'
import { decryptRecord, toCipherKey } from '../../src/core/model/encryption.js'
import { decodeRecord } from '../../src/core/shared/format.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { dotdog } from '../support/test-dog.js'

/** Encryption at rest. */
const FIRST = '1f'.repeat(32)
const SECOND = Buffer.alloc(32, 7)
const VALUE = 'a-very-secret-access-token'

function open(
  dir: string,
  options: KeyOptions = {},
  key = 'TOKEN',
): { dog: Dog; get: () => Promise<string>; fetches: () => number } {
  const dog = dotdog.createDog()
  let count = 0
  dog.init(
    key,
    async () => {
      count++
      return { value: `${VALUE}-${key}-${count}`, expiresIn: 7200 }
    },
    { dir, identity: 'me', ...options },
  )
  return { dog, get: () => dog.get(key), fetches: () => count }
}

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    return `value ${JSON.stringify(await promise)}`
  } catch (error) {
    return (error as DogError).code
  }
}

/** The bytes of the record once they are as the test wants them. */
async function until(file: string, isRight: (text: string) => boolean): Promise<string> {
  for (;;) {
    const text = readFileSync(file, 'utf8')
    if (isRight(text)) return text
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

t.test('a value is not to be found in its folder, and every process with the key shares it', async (t) => {
  const dir = temporaryFolder(t)
  const one = open(dir, { encryptionKey: FIRST })
  t.equal(await one.get(), `${VALUE}-TOKEN-1`)
  const text = readFileSync(join(dir, 'TOKEN.dog'), 'utf8')
  t.notMatch(text, VALUE)
  t.notMatch(text, Buffer.from(VALUE).toString('base64').slice(0, -4))
  const other = open(dir, { encryptionKey: Buffer.from(FIRST, 'hex') })
  t.equal(await other.get(), `${VALUE}-TOKEN-1`)
  t.equal(other.fetches(), 0)
})

t.test('without its key a record is an ERR_DOG_DECRYPT: no fetch, and the file untouched', async (t) => {
  const dir = temporaryFolder(t)
  const file = join(dir, 'TOKEN.dog')
  await open(dir, { encryptionKey: FIRST }).get()
  const text = readFileSync(file, 'utf8')
  for (const options of [{}, { encryptionKey: SECOND }, { encryptionKey: [SECOND, Buffer.alloc(32)] }]) {
    const other = open(dir, options)
    t.equal(await codeOf(other.get()), 'ERR_DOG_DECRYPT')
    t.equal(await codeOf(other.dog.refresh('TOKEN', { force: true })), 'ERR_DOG_DECRYPT')
    t.equal(other.dog.peek('TOKEN'), undefined)
    t.equal((await other.dog.status())[0]?.state, 'unreadable')
    t.equal(other.fetches(), 0)
  }
  t.equal(readFileSync(file, 'utf8'), text)
})

t.test('what no key opens can be removed', async (t) => {
  const dir = temporaryFolder(t)
  await open(dir, { encryptionKey: FIRST }).get()
  const other = open(dir, { encryptionKey: SECOND })
  t.equal(await other.dog.remove('TOKEN'), true)
  t.equal(await other.get(), `${VALUE}-TOKEN-1`)
  t.equal(other.fetches(), 1)
})

t.test('a plain record is used, and sealed without a fetch', async (t) => {
  const dir = temporaryFolder(t)
  const file = join(dir, 'TOKEN.dog')
  await open(dir).get()
  t.match(readFileSync(file, 'utf8'), VALUE)
  const other = open(dir, { encryptionKey: FIRST })
  t.equal(await other.get(), `${VALUE}-TOKEN-1`)
  const text = await until(file, (text) => !text.includes(VALUE))
  t.match(text, /"sealed"/)
  t.equal(await other.get(), `${VALUE}-TOKEN-1`)
  t.equal(other.fetches(), 0)
})

t.test('keys are rotated: the first of a list writes, all read', async (t) => {
  const dir = temporaryFolder(t)
  const file = join(dir, 'TOKEN.dog')
  await open(dir, { encryptionKey: FIRST }).get()
  const idOf = (text: string) => JSON.parse(text).sealed.id
  const old = idOf(readFileSync(file, 'utf8'))
  const both = open(dir, { encryptionKey: [SECOND, FIRST] })
  t.equal(await both.get(), `${VALUE}-TOKEN-1`)
  await until(file, (text) => idOf(text) !== old)
  const next = open(dir, { encryptionKey: SECOND })
  t.equal(await next.get(), `${VALUE}-TOKEN-1`)
  t.equal(both.fetches() + next.fetches(), 0)
  t.equal(await codeOf(open(dir, { encryptionKey: FIRST }).get()), 'ERR_DOG_DECRYPT')
})

t.test('no bit of a sealed record can be flipped unseen', async (t) => {
  const dir = temporaryFolder(t)
  await open(dir, { encryptionKey: FIRST }).get()
  const bytes = readFileSync(join(dir, 'TOKEN.dog'))
  const keys = [toCipherKey(Buffer.from(FIRST, 'hex'))]
  const found: Record<string, number> = {}
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    let outcome: string
    try {
      const record = decodeRecord(changed.toString(), 'TOKEN')
      if (typeof record === 'string') outcome = record
      else outcome = record.key === 'TOKEN' ? `unsealed: ${decryptRecord(record, keys, '').value}` : 'another key'
    } catch (error) {
      outcome = (error as DogError).code
    }
    found[outcome] = (found[outcome] ?? 0) + 1
  }
  t.comment(JSON.stringify(found))
  const seen = ['ERR_DOG_DECRYPT', 'damaged', 'newer', 'another key']
  t.strictSame(
    Object.keys(found).filter((outcome) => !seen.includes(outcome)),
    [],
  )
  t.ok(found.ERR_DOG_DECRYPT! > bytes.length)
})

t.test('a changed bit in the file is an error, or a missing record with a warning: never a value', async (t) => {
  const dir = temporaryFolder(t)
  const file = join(dir, 'TOKEN.dog')
  await open(dir, { encryptionKey: FIRST }).get()
  const bytes = readFileSync(file)
  for (let at = 0; at < bytes.length; at += 17) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1
    writeFileSync(file, changed)
    const follower = dotdog.createDog({ store: dotdog.fileStore({ dir }), encryptionKey: FIRST })
    t.match(await codeOf(follower.get('TOKEN')), /^ERR_DOG_(DECRYPT|NO_FETCHER|STORE)$/)
  }
})

t.test('a record put in the place of another is seen', async (t) => {
  const dir = temporaryFolder(t)
  await open(dir, { encryptionKey: FIRST }, 'ONE').get()
  await open(dir, { encryptionKey: FIRST }, 'TWO').get()
  copyFileSync(join(dir, 'ONE.dog'), join(dir, 'TWO.dog'))
  t.equal(await codeOf(open(dir, { encryptionKey: FIRST }, 'TWO').get()), 'ERR_DOG_STORE')
  // And with the key's name made to fit:
  writeFileSync(join(dir, 'TWO.dog'), readFileSync(join(dir, 'ONE.dog'), 'utf8').replace('"ONE"', '"TWO"'))
  t.equal(await codeOf(open(dir, { encryptionKey: FIRST }, 'TWO').get()), 'ERR_DOG_DECRYPT')
})

t.test('an encryptionKey that is nearly right is a TypeError that does not say it', async (t) => {
  for (const wrong of [FIRST.slice(1), Buffer.alloc(31), [], [FIRST, 'x'], 7]) {
    try {
      dotdog.createDog({ encryptionKey: wrong as never })
      t.fail('it was taken')
    } catch (error) {
      t.type(error, TypeError)
      t.match((error as Error).message, /^encryptionKey must be 32 bytes or 64 hex digits/)
      t.notMatch((error as Error).message, FIRST.slice(1, 9))
    }
  }
})
