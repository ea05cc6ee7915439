import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Dog, DogError, KeyOptions } from '../../index.js'
import { decryptRecord, toCipherKey } from '../../src/core/model/encryption.js'
import { decodeRecord } from '../../src/core/shared/format.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { dotdog } from '../support/test-dog.js'
import { until } from '../support/timing.js'

/** Encryption of stored records. */
const FIRST = '1f'.repeat(32)
const SECOND = Buffer.alloc(32, 7)
const VALUE = 'a-very-secret-access-token'

function openDog(
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

/** Resolves with the text of the record once it is as the test wants it. */
async function untilRecord(file: string, isRight: (text: string) => boolean): Promise<string> {
  let text = ''
  await until(() => {
    text = readFileSync(file, 'utf8')
    return isRight(text)
  })
  return text
}

t.test('An encrypted value does not appear in its file, and every process with the encryption key shares it', async (t) => {
  const dir = temporaryFolder(t)
  const one = openDog(dir, { encryptionKey: FIRST })
  t.equal(await one.get(), `${VALUE}-TOKEN-1`)
  const text = readFileSync(join(dir, 'TOKEN.dog'), 'utf8')
  t.notMatch(text, VALUE)
  t.notMatch(text, Buffer.from(VALUE).toString('base64').slice(0, -4))
  const other = openDog(dir, { encryptionKey: Buffer.from(FIRST, 'hex') })
  t.equal(await other.get(), `${VALUE}-TOKEN-1`)
  t.equal(other.fetches(), 0)
})

t.test(
  'Without its encryption key a record gives ERR_DOG_DECRYPT, no fetch is made, and the file stays unchanged',
  async (t) => {
    const dir = temporaryFolder(t)
    const file = join(dir, 'TOKEN.dog')
    await openDog(dir, { encryptionKey: FIRST }).get()
    const text = readFileSync(file, 'utf8')
    for (const options of [{}, { encryptionKey: SECOND }, { encryptionKey: [SECOND, Buffer.alloc(32)] }]) {
      const other = openDog(dir, options)
      t.equal(await codeOf(other.get()), 'ERR_DOG_DECRYPT')
      t.equal(await codeOf(other.dog.refresh('TOKEN', { force: true })), 'ERR_DOG_DECRYPT')
      t.equal(other.dog.peek('TOKEN'), undefined)
      t.equal((await other.dog.status())[0]?.state, 'unreadable')
      t.equal(other.fetches(), 0)
    }
    t.equal(readFileSync(file, 'utf8'), text)
  },
)

t.test('remove deletes a record that no encryption key opens', async (t) => {
  const dir = temporaryFolder(t)
  await openDog(dir, { encryptionKey: FIRST }).get()
  const other = openDog(dir, { encryptionKey: SECOND })
  t.equal(await other.dog.remove('TOKEN'), true)
  t.equal(await other.get(), `${VALUE}-TOKEN-1`)
  t.equal(other.fetches(), 1)
})

t.test('A plain record is used, and then encrypted without a fetch', async (t) => {
  const dir = temporaryFolder(t)
  const file = join(dir, 'TOKEN.dog')
  await openDog(dir).get()
  t.match(readFileSync(file, 'utf8'), VALUE)
  const other = openDog(dir, { encryptionKey: FIRST })
  t.equal(await other.get(), `${VALUE}-TOKEN-1`)
  const text = await untilRecord(file, (text) => !text.includes(VALUE))
  t.match(text, /"sealed"/)
  t.equal(await other.get(), `${VALUE}-TOKEN-1`)
  t.equal(other.fetches(), 0)
})

t.test('Of several encryption keys the first encrypts and all decrypt, so that keys can be rotated', async (t) => {
  const dir = temporaryFolder(t)
  const file = join(dir, 'TOKEN.dog')
  await openDog(dir, { encryptionKey: FIRST }).get()
  const idOf = (text: string) => JSON.parse(text).sealed.id
  const old = idOf(readFileSync(file, 'utf8'))
  const both = openDog(dir, { encryptionKey: [SECOND, FIRST] })
  t.equal(await both.get(), `${VALUE}-TOKEN-1`)
  await untilRecord(file, (text) => idOf(text) !== old)
  const next = openDog(dir, { encryptionKey: SECOND })
  t.equal(await next.get(), `${VALUE}-TOKEN-1`)
  t.equal(both.fetches() + next.fetches(), 0)
  t.equal(await codeOf(openDog(dir, { encryptionKey: FIRST }).get()), 'ERR_DOG_DECRYPT')
})

t.test('No bit of an encrypted record can be flipped without being noticed', async (t) => {
  const dir = temporaryFolder(t)
  await openDog(dir, { encryptionKey: FIRST }).get()
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

t.test('A flipped bit in the file ends in an error or in a missing record, never in a value', async (t) => {
  const dir = temporaryFolder(t)
  const file = join(dir, 'TOKEN.dog')
  await openDog(dir, { encryptionKey: FIRST }).get()
  const bytes = readFileSync(file)
  for (let at = 0; at < bytes.length; at += 17) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1
    writeFileSync(file, changed)
    const follower = dotdog.createDog({ store: dotdog.fileStore({ dir }), encryptionKey: FIRST })
    t.match(await codeOf(follower.get('TOKEN')), /^ERR_DOG_(DECRYPT|NO_FETCHER|STORE)$/)
  }
})

t.test('An encrypted record that was copied over another key is rejected', async (t) => {
  const dir = temporaryFolder(t)
  await openDog(dir, { encryptionKey: FIRST }, 'ONE').get()
  await openDog(dir, { encryptionKey: FIRST }, 'TWO').get()
  copyFileSync(join(dir, 'ONE.dog'), join(dir, 'TWO.dog'))
  t.equal(await codeOf(openDog(dir, { encryptionKey: FIRST }, 'TWO').get()), 'ERR_DOG_STORE')
  // The same with the name of the key changed to fit.
  writeFileSync(join(dir, 'TWO.dog'), readFileSync(join(dir, 'ONE.dog'), 'utf8').replace('"ONE"', '"TWO"'))
  t.equal(await codeOf(openDog(dir, { encryptionKey: FIRST }, 'TWO').get()), 'ERR_DOG_DECRYPT')
})

t.test('A wrong encryptionKey throws a TypeError that does not contain it', async (t) => {
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
