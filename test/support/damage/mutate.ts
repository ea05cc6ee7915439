import type { DogRecord, Ledger } from '../../../index.js'
import { encryptRecord, toCipherKey } from '../../../src/core/model/encryption.js'
import { encodeLedger, encodeRecord } from '../../../src/core/shared/format.js'

/**
 * Damages the texts of files as reality does: bits flip, ends are missing, pieces are exchanged,
 * people edit by hand. The same seed gives the same damage.
 */

/** A random whole number from 0 to `below - 1`. */
export type Random = (below: number) => number

/** The Mulberry32 generator. */
export function seededRandom(seed: number): Random {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below)
  }
}

export const KEY = 'ACCESS_TOKEN'
export const IDENTITY = 'wx1'
export const NOW = 1763653600000
export const CIPHER_KEY = toCipherKey(Buffer.alloc(32, 7))

const plainRecord: DogRecord = {
  key: KEY,
  value: 'the value of the key',
  fetchedAt: NOW - 3_600_000,
  expiresAt: NOW + 3_600_000,
  ahead: 300,
  generation: NOW - 3_600_000,
}
const recordWithAllFields: DogRecord = {
  ...plainRecord,
  value: { a: [1, '中', null], b: false },
  identity: IDENTITY,
  by: 'host:1',
  later: { x: 1 },
}

export const plainRecords: DogRecord[] = [
  plainRecord,
  recordWithAllFields,
  { ...plainRecord, identity: IDENTITY, by: 'host:1' },
  { ...plainRecord, expiresAt: NOW - 1 },
  { ...plainRecord, value: null },
  { ...plainRecord, value: 0, ahead: 0, expiresAt: 8.64e15 },
]
export const encryptedRecords: DogRecord[] = [plainRecord, recordWithAllFields].map((record) =>
  encryptRecord(record, CIPHER_KEY),
)
export const guardDogFile = { data: 'the value of the key', expires_in: 7200, gen_time: NOW - 3_600_000, dir: '/d', ahead: 2 }

export const ledgers: Ledger[] = [
  { fetches: { since: NOW - 1000, count: 12, last: NOW - 900 } },
  {
    fetches: { since: NOW - 1000, count: 1, last: NOW - 900 },
    failure: { at: NOW - 900, count: 1, retryAt: NOW + 1000, code: 'ERR_DOG_FETCH', message: 'The fetcher failed' },
    later: [1],
  },
]

export const recordTexts = [
  ...plainRecords.map(encodeRecord),
  ...encryptedRecords.map(encodeRecord),
  JSON.stringify(guardDogFile),
]
export const ledgerTexts = ledgers.map((ledger) => encodeLedger(KEY, ledger))

/** JSON that is put in the place of a field, none of it a legal value of that field's type. */
const UNEXPECTED_JSON = [
  ...['null', 'true', 'false', '""', '"1"', '"NaN"', '[]', '[1]', '{}', '-1', '-0', '0', '1', '2', '0.5', '1e308', '1e999'],
  ...['-1e999', '8640000000000000', '8640000000000001', '8000000000000000', '9000000000000000', '9007199254740991'],
  ...['9007199254740993', '1e-320', '"__proto__"', '{"__proto__":null}', '{"toString":null}', '{"valueOf":1,"toString":1}'],
  ...['{"length":-1}', '{"toJSON":1}', '{"then":1}', '{"id":"a","nonce":"b","data":"c"}', '{"id":1,"nonce":2,"data":3}'],
  ...['{"since":1,"count":1}', '"\\ud800"', '"\\u0000"', '"2999-01-01"'],
]
const DEEPLY_NESTED_JSON = [`${'['.repeat(3000)}${']'.repeat(3000)}`, `${'{"a":'.repeat(12_000)}1${'}'.repeat(12_000)}`]
const FIELD_NAMES = [
  ...['dotdog', 'key', 'value', 'sealed', 'fetchedAt', 'expiresAt', 'ahead', 'generation', 'identity', 'by', 'fetches'],
  ...['failure', 'data', 'gen_time', 'expires_in', '__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'toJSON'],
  ...['hasOwnProperty', 'then', ''],
]
const INVALID_UTF8 = [[0xff], [0xc0, 0x80], [0xe4, 0xb8], [0xf5, 0x80, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xef, 0xbb, 0xbf], [0]]

type Fields = [name: string, json: string][]

/**
 * The fields of an object as text, so that a name can occur twice and a value can be invalid JSON.
 */
const fieldsOf = (text: string): Fields =>
  Object.entries(JSON.parse(text)).map(([name, value]) => [name, JSON.stringify(value)])
const textOf = (fields: Fields): string => `{${fields.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join()}}\n`

type FieldMutation = (fields: Fields, random: Random, others: Fields) => void
const pick = <T>(list: readonly T[], random: Random): T => list[random(list.length)]!
/** Rarely a deeply nested one, as parsing one takes as long as parsing a hundred others. */
const unexpectedJson = (random: Random): string => pick(random(200) === 0 ? DEEPLY_NESTED_JSON : UNEXPECTED_JSON, random)

const fieldMutations: Record<string, FieldMutation> = {
  strange: (fields, random) => (pick(fields, random)[1] = unexpectedJson(random)),
  drop: (fields, random) => fields.splice(random(fields.length), 1),
  swap: (fields, random) => {
    const [a, b] = [pick(fields, random), pick(fields, random)]
    ;[a[1], b[1]] = [b[1], a[1]]
  },
  rename: (fields, random) => (pick(fields, random)[0] = pick(FIELD_NAMES, random)),
  add: (fields, random) => fields.splice(random(fields.length + 1), 0, [pick(FIELD_NAMES, random), unexpectedJson(random)]),
  double: (fields, random) => fields.push([pick(fields, random)[0], unexpectedJson(random)]),
  graft: (fields, random, others) => fields.splice(random(fields.length), 1, pick(others, random)),
  inner: (fields, random) => {
    const field = pick(fields, random)
    if (!field[1].startsWith('{') || field[1].length > 1000) return
    let inner: Fields
    try {
      inner = fieldsOf(field[1])
    } catch {
      // An earlier mutation has made it invalid JSON.
      return
    }
    if (inner.length > 0) pick(inner, random)[1] = unexpectedJson(random)
    field[1] = textOf(inner).trim()
  },
  digits: (fields, random) => {
    const field = pick(fields, random)
    field[1] = field[1].replace(/\d/, () => String(random(10)))
  },
}

const byteMutations: Record<string, (bytes: Buffer, random: Random, other: Buffer) => Buffer> = {
  flip: (bytes, random) => {
    for (let flips = 1 + random(3); flips > 0; flips--) bytes[random(bytes.length)]! ^= 1 << random(8)
    return bytes
  },
  truncate: (bytes, random) => bytes.subarray(0, random(bytes.length)),
  behead: (bytes, random) => bytes.subarray(random(bytes.length)),
  zero: (bytes, random) => {
    const from = random(bytes.length)
    return bytes.fill(0, from, Math.min(bytes.length, from + random(64)))
  },
  splice: (bytes, random, other) =>
    Buffer.concat([bytes.subarray(0, random(bytes.length)), other.subarray(random(other.length))]),
  // Overwrites the old text from its beginning, as guard_dog writes.
  over: (bytes, random, other) => {
    other.copy(bytes, 0, 0, random(other.length))
    return bytes
  },
  repeat: (bytes, random) => Buffer.concat([bytes, bytes.subarray(random(bytes.length))]),
  encoding: (bytes, random) => {
    const at = random(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(INVALID_UTF8, random)), bytes.subarray(at)])
  },
}

const allFieldMutations = Object.values(fieldMutations)
const allByteMutations = Object.values(byteMutations)

/** Returns a damaged copy of one of the texts. */
export function mutate(texts: readonly string[], random: Random): Buffer {
  const text = pick(texts, random)
  const other = pick(texts, random)
  if (random(3) === 0) return pick(allByteMutations, random)(Buffer.from(text), random, Buffer.from(other))
  const fields = fieldsOf(text)
  for (let changes = 1 + random(2); changes > 0 && fields.length > 0; changes--) {
    pick(allFieldMutations, random)(fields, random, fieldsOf(other))
  }
  return Buffer.from(textOf(fields))
}
