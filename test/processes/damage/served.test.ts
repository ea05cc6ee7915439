// The values that callers get from damaged records: the reader of the file store on files in
// memory, and the whole engine above it.
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { DogError, DogRecord, Store } from '../../../index.js'
import { createDog } from '../../../src/core/dog/dog.js'
import { encryptRecord, toCipherKey } from '../../../src/core/model/encryption.js'
import * as clock from '../../../src/core/shared/clock.js'
import { encodeRecord } from '../../../src/core/shared/format.js'
import type { Folder } from '../../../src/core/stores/file/folder.js'
import { violationOfRecord } from '../../support/damage/checks.js'
import {
  CIPHER_KEY,
  guardDogFile,
  IDENTITY,
  KEY,
  mutate,
  NOW,
  plainRecords,
  seededRandom,
} from '../../support/damage/mutate.js'
import { jsonOf, mayServe, mustNotReplace, type ParsedFile, parseFile } from '../../support/damage/oracle.js'
import { SEED } from '../../support/damage/seed.js'

const RECORDS = 100_000

/** The records of `mutate.ts` have fixed times. This moves them to the present. */
const toPresentMs = Date.now() - NOW
const movedToPresent = <T extends DogRecord>(record: T): T => ({
  ...record,
  fetchedAt: record.fetchedAt + toPresentMs,
  generation: record.generation + toPresentMs,
  expiresAt: Math.min(record.expiresAt + toPresentMs, 8.64e15),
})
const own = plainRecords.map(movedToPresent)
const [plain, rich] = own as [DogRecord, DogRecord]
/** Valid records that must not be served for KEY. Each has a value of its own. */
const foreignRecords: DogRecord[] = [
  { ...plain, key: 'OTHER_TOKEN', value: 'of another key' },
  { ...plain, key: KEY.toLowerCase(), value: 'of a key in other case' },
  { ...rich, key: 'JSAPI_TICKET', value: { of: 'another key' } },
  { ...plain, identity: 'wx2', value: 'of another account' },
  { ...rich, identity: 'WX1', value: { of: 'another account' } },
  { ...plain, expiresAt: plain.fetchedAt, value: 'an expired value' },
  { ...rich, expiresAt: plain.fetchedAt + 3_599_000, value: { an: 'expired value' } },
]
const decryptable = [plain, { ...rich, expiresAt: 8.64e15 }]
const encrypted = [
  ...decryptable.map((record) => encryptRecord(record, CIPHER_KEY)),
  ...foreignRecords.map((record) => encryptRecord(record, CIPHER_KEY)),
  encryptRecord(plain, toCipherKey(Buffer.alloc(32, 9))),
]
const guardDogTexts = [guardDogFile, { ...guardDogFile, expires_in: 1, data: 'an expired value' }].map((file) =>
  JSON.stringify({ ...file, gen_time: file.gen_time + toPresentMs }),
)
const texts = [...[...own, ...own, ...foreignRecords, ...encrypted].map(encodeRecord), ...guardDogTexts]

/** The bytes of the only file. */
let file: Buffer = Buffer.alloc(0)
let versions = 0
const stat = () => ({ ino: versions, size: file.length, mtimeMs: 1, ctimeMs: 1, uid: 0 })

const { RecordReader } = (await t.mockImport('../../../src/core/stores/file/record-file.js', {
  '../../../src/core/stores/file/fs.js': { stat, readFile: () => ({ bytes: file, stat: stat() }), ownerOf: () => '' },
  // The reader reads a damaged file again 20 ms later, twice, as a write may be under way. Here no
  // write is.
  '../../../src/core/shared/clock.js': { ...clock, pause: async () => {} },
})) as typeof import('../../../src/core/stores/file/record-file.js')

const folder = { path: '/dir', check: () => true, protect: () => {}, warn: () => {} }
/** One reader for each file: all calls wait while a reader reads a damaged file again. */
let reader: InstanceType<typeof RecordReader>
const store = {
  name: 'in memory',
  capabilities: [],
  read: (key: string) => reader.read(key),
  readLedger: () => undefined,
  acquire: async () => undefined,
} as unknown as Store

/**
 * A new dog for each file, as a dog may serve a value from memory while it cannot read the file.
 */
const dogWith = (encryptionKey?: Buffer) => createDog({ store, identity: IDENTITY, ...(encryptionKey && { encryptionKey }) })

const CODES = ['ERR_DOG_NO_FETCHER', 'ERR_DOG_STORE', 'ERR_DOG_IDENTITY', 'ERR_DOG_DECRYPT']
const counts: Record<string, number> = {}
const count = (what: string) => {
  counts[what] = (counts[what] ?? 0) + 1
}

/** The invariant that the value from a file violates; undefined if none. */
function violationOfValue(raw: ParsedFile): string | undefined {
  const now = Date.now()
  const found = dogWith().peek<unknown>(KEY)
  if (found !== undefined) {
    count('served')
    if (found.value === undefined || !mayServe(found.value, raw, KEY, now)) return `gave ${jsonOf(found.value)}`
  }
  // Files of guard_dog have no field `sealed`.
  if (raw?.sealed === undefined || !Object.hasOwn(raw, 'dotdog')) return undefined
  const decrypted = dogWith(CIPHER_KEY.bytes).peek<unknown>(KEY)
  if (decrypted === undefined) return undefined
  count('decrypted')
  const isOriginal = decryptable.some(({ value }) => isDeepStrictEqual(value, decrypted.value))
  return isOriginal && mayServe(1, { ...raw, value: 1, sealed: undefined }, KEY, now)
    ? undefined
    : `decrypted ${jsonOf(decrypted.value)}`
}

/** The same for a caller of `get`, whose error must also be right. */
async function violationOfAnswer(raw: ParsedFile): Promise<string | undefined> {
  const now = Date.now()
  const dog = dogWith()
  try {
    const value = await dog.get<unknown>(KEY)
    if (!mayServe(value, raw, KEY, now)) return `gave ${jsonOf(value)}`
    return isDeepStrictEqual(dog.peek<unknown>(KEY)?.value, value) ? undefined : 'get gave what peek does not'
  } catch (error) {
    const { name, code } = error as DogError
    count(code)
    if (dog.peek(KEY) !== undefined) return `peek gave what get does not: ${error}`
    if (name !== 'DogError' || !CODES.includes(code)) return `threw ${error}`
    return code === 'ERR_DOG_NO_FETCHER' || mustNotReplace(error as DogError, raw, KEY) ? undefined : `no reason for ${error}`
  }
}

/** Only each tenth file is read with `get`, as a promise costs ten times as much as the rest. */
const AWAIT_EVERY = 10

t.test(`From ${RECORDS} damaged records no caller gets an expired value, or one of another key or account`, async (t) => {
  const random = seededRandom(SEED)
  const found: string[] = []
  // Otherwise most of the time would be spent on stack traces that the test ignores.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  for (let i = 0; i < RECORDS && found.length < 10; i++) {
    file = mutate(texts, random)
    versions++
    reader = new RecordReader(folder as unknown as Folder, undefined)
    const text = file.toString()
    const raw = parseFile(file)
    try {
      let violation = violationOfRecord(text, KEY, Date.now()) ?? violationOfValue(raw)
      if (i % AWAIT_EVERY === 0) violation ??= await violationOfAnswer(raw)
      if (violation !== undefined) found.push(`${violation}: ${text.slice(0, 400)}`)
    } catch (error) {
      found.push(`threw ${error}: ${text.slice(0, 400)}`)
    }
  }
  Error.stackTraceLimit = stackTraceLimit
  t.same(found, [])
  t.comment(JSON.stringify(counts))
  for (const what of ['served', 'decrypted', ...CODES]) t.ok(counts[what]! > RECORDS / 500, `${what}: ${counts[what]}`)
})
