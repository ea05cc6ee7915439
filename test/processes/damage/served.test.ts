// What callers get of damaged records: the file store's own reader over files that are in memory, and the whole engine above.
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

/** Times as they are said in `mutate.ts`, seen from the real now. */
const shift = Date.now() - NOW
const moved = <T extends DogRecord>(record: T): T => ({
  ...record,
  fetchedAt: record.fetchedAt + shift,
  generation: record.generation + shift,
  expiresAt: Math.min(record.expiresAt + shift, 8.64e15),
})
const own = plainRecords.map(moved)
const [plain, rich] = own as [DogRecord, DogRecord]
/** Good records, which are not to be served here: each is told from the others by its value. */
const strangers: DogRecord[] = [
  { ...plain, key: 'OTHER_TOKEN', value: 'of another key' },
  { ...plain, key: KEY.toLowerCase(), value: 'of a twin' },
  { ...rich, key: 'JSAPI_TICKET', value: { of: 'another key' } },
  { ...plain, identity: 'wx2', value: 'of another account' },
  { ...rich, identity: 'WX1', value: { of: 'another account' } },
  { ...plain, expiresAt: plain.fetchedAt, value: 'what is over' },
  { ...rich, expiresAt: plain.fetchedAt + 3_599_000, value: { what: 'is over' } },
]
const opened = [plain, { ...rich, expiresAt: 8.64e15 }]
const sealed = [
  ...opened.map((record) => encryptRecord(record, CIPHER_KEY)),
  ...strangers.map((record) => encryptRecord(record, CIPHER_KEY)),
  encryptRecord(plain, toCipherKey(Buffer.alloc(32, 9))),
]
const legacies = [guardDogFile, { ...guardDogFile, expires_in: 1, data: 'what is over' }].map((file) =>
  JSON.stringify({ ...file, gen_time: file.gen_time + shift }),
)
const texts = [...[...own, ...own, ...strangers, ...sealed].map(encodeRecord), ...legacies]

/** The one file there is. */
let file: Buffer = Buffer.alloc(0)
let versions = 0
const stat = () => ({ ino: versions, size: file.length, mtimeMs: 1, ctimeMs: 1, uid: 0 })

const { RecordReader } = (await t.mockImport('../../../src/core/stores/file/record-file.js', {
  '../../../src/core/stores/file/fs.js': { stat, readFile: () => ({ bytes: file, stat: stat() }), ownerOf: () => '' },
  // What is damaged is read again 20 ms later, twice: here nobody is in the middle of a write.
  '../../../src/core/shared/clock.js': { ...clock, pause: async () => {} },
})) as typeof import('../../../src/core/stores/file/record-file.js')

const folder = { path: '/dir', check: () => true, protect: () => {}, warn: () => {} }
/** Of one file only: while it reads a damaged one again, everybody waits for that. */
let reader: InstanceType<typeof RecordReader>
const store = {
  name: 'in memory',
  capabilities: [],
  read: (key: string) => reader.read(key),
  readLedger: () => undefined,
  acquire: async () => undefined,
} as unknown as Store

/** A dog of its own: what another has in memory it may serve while the file is not to be read. */
const dogWith = (encryptionKey?: Buffer) => createDog({ store, identity: IDENTITY, ...(encryptionKey && { encryptionKey }) })

const CODES = ['ERR_DOG_NO_FETCHER', 'ERR_DOG_STORE', 'ERR_DOG_IDENTITY', 'ERR_DOG_DECRYPT']
const counts: Record<string, number> = {}
const count = (what: string) => {
  counts[what] = (counts[what] ?? 0) + 1
}

/** What is wrong with the value that a file gives; undefined if nothing is. */
function faultOfValue(raw: ParsedFile): string | undefined {
  const now = Date.now()
  const found = dogWith().peek<unknown>(KEY)
  if (found !== undefined) {
    count('served')
    if (found.value === undefined || !mayServe(found.value, raw, KEY, now)) return `gave ${jsonOf(found.value)}`
  }
  // guard_dog's files know no such field.
  if (raw?.sealed === undefined || !Object.hasOwn(raw, 'dotdog')) return undefined
  const unsealed = dogWith(CIPHER_KEY.bytes).peek<unknown>(KEY)
  if (unsealed === undefined) return undefined
  count('opened')
  const isOwn = opened.some(({ value }) => isDeepStrictEqual(value, unsealed.value))
  return isOwn && mayServe(1, { ...raw, value: 1, sealed: undefined }, KEY, now)
    ? undefined
    : `opened ${jsonOf(unsealed.value)}`
}

/** The same for who waits for it, and what is wrong with the error. */
async function faultOfAnswer(raw: ParsedFile): Promise<string | undefined> {
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

/** A promise costs ten times as much as the rest: each so many-th file is waited for. */
const WAITED_FOR = 10

t.test(
  `${RECORDS} damaged records, also others' and such that are over: no caller gets another key's or account's value, or one that is over`,
  async (t) => {
    const random = seededRandom(SEED)
    const found: string[] = []
    // Most of the time would go into the stacks of errors that nobody looks at.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    for (let i = 0; i < RECORDS && found.length < 10; i++) {
      file = mutate(texts, random)
      versions++
      reader = new RecordReader(folder as unknown as Folder, undefined)
      const text = file.toString()
      const raw = parseFile(file)
      try {
        let fault = violationOfRecord(text, KEY, Date.now()) ?? faultOfValue(raw)
        if (i % WAITED_FOR === 0) fault ??= await faultOfAnswer(raw)
        if (fault !== undefined) found.push(`${fault}: ${text.slice(0, 400)}`)
      } catch (error) {
        found.push(`threw ${error}: ${text.slice(0, 400)}`)
      }
    }
    Error.stackTraceLimit = stackTraceLimit
    t.same(found, [])
    t.comment(JSON.stringify(counts))
    for (const what of ['served', 'opened', ...CODES]) t.ok(counts[what]! > RECORDS / 500, `${what}: ${counts[what]}`)
  },
)
