import fc from 'fast-check'
import t from 'tap'
import type { DogRecord, Ledger } from '../../../../index.js'
import { decryptRecord, encryptRecord } from '../../../../src/core/model/encryption.js'
import { decodeLedger, decodeRecord, encodeLedger, encodeRecord } from '../../../../src/core/shared/format.js'
import { violationOfLedger, violationOfRecord } from '../../../support/damage/checks.js'
import { CIPHER_KEY, KEY, NOW } from '../../../support/damage/mutate.js'
import { SEED } from '../../../support/damage/seed.js'

/**
 * The invariants of the decoder for texts that fast-check generates. It shrinks a counterexample,
 * and prints it with its seed.
 */
const options = { numRuns: 500, seed: SEED }

/** Throws a violation, which fast-check then shrinks. */
const assertNone = (violation: string | undefined) => {
  if (violation !== undefined) throw new Error(violation)
}

const names = fc.constantFrom('toString', 'valueOf', '__proto__', 'toJSON', 'constructor', 'a')
const awkward = fc.dictionary(names, fc.constantFrom(null, 1, 'x', true), { maxKeys: 3 })
const anything = fc.oneof(fc.jsonValue(), awkward, fc.double(), fc.maxSafeInteger())

/**
 * Eight times of nine a valid field, else anything: with fewer valid ones no record would pass the
 * first check.
 */
const mostly = <T>(good: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 8, arbitrary: good as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: anything })
const time = fc.oneof(fc.nat(), fc.constantFrom(0, NOW, NOW + 1e6, 8.64e15), fc.double({ min: 0, max: 8.64e15, noNaN: true }))
const count = fc.oneof(fc.nat(), fc.constantFrom(0, NOW, 8999999999999999))
const text = fc.string({ unit: 'binary' })

const fields = {
  key: mostly(fc.constant(KEY)),
  value: mostly(fc.jsonValue()),
  fetchedAt: mostly(time),
  expiresAt: mostly(time),
  ahead: mostly(fc.nat()),
  generation: mostly(count),
  identity: mostly(text),
  by: mostly(text),
  sealed: anything,
  later: anything,
}
const recordLike = fc.record(
  { dotdog: mostly(fc.constant(1)), ...fields },
  { requiredKeys: ['dotdog', 'key', 'value', 'fetchedAt', 'expiresAt', 'ahead', 'generation'] },
)
const guardDogLike = fc.record(
  {
    data: fc.jsonValue(),
    gen_time: mostly(time),
    expires_in: mostly(fc.oneof(fc.nat(), fc.constant('7200'))),
    ahead: mostly(fc.nat()),
    dir: anything,
  },
  { requiredKeys: ['data', 'gen_time'] },
)
const fetches = fc.record(
  { since: mostly(time), count: mostly(count), last: mostly(count) },
  { requiredKeys: ['since', 'count'] },
)
const failure = fc.record({
  at: mostly(time),
  count: mostly(count),
  retryAt: mostly(time),
  code: mostly(text),
  message: mostly(text),
})
const ledgerLike = fc.record(
  { dotdog: mostly(fc.constant(1)), key: anything, fetches: mostly(fetches), failure: mostly(failure), later: anything },
  { requiredKeys: ['dotdog', 'fetches'] },
)

t.test('Decoding any text keeps the invariants', async () => {
  fc.assert(
    fc.property(fc.oneof(text, fc.json()), (any) => {
      assertNone(violationOfRecord(any, KEY, NOW))
      assertNone(violationOfLedger(any, KEY, NOW))
    }),
    options,
  )
})

for (const [what, like, check] of [
  ['a record', recordLike, violationOfRecord],
  ['a file of guard_dog', guardDogLike, violationOfRecord],
  ['a ledger', ledgerLike, violationOfLedger],
] as const) {
  t.test(`Decoding JSON that looks like ${what} keeps the invariants`, async () => {
    fc.assert(
      fc.property(like as fc.Arbitrary<unknown>, (any) => assertNone(check(JSON.stringify(any), KEY, NOW))),
      options,
    )
  })
}

const goodRecord = fc.record({
  key: text,
  value: fc.jsonValue(),
  fetchedAt: time,
  expiresAt: time,
  ahead: fc.double({ min: 0, max: 1e9, noNaN: true }),
  generation: count,
  later: fc.jsonValue(),
}) as fc.Arbitrary<DogRecord>

/** Normalizes what JSON cannot express: -0, and __proto__ as a field. */
const viaJson = <T>(value: T): T => JSON.parse(JSON.stringify(value))

t.test('Every good record decodes as it was encoded, plain and encrypted', async (t) => {
  fc.assert(
    fc.property(goodRecord, (record) => {
      t.strictSame(viaJson(decodeRecord(encodeRecord(record), KEY)), viaJson(record))
      const sealed = decodeRecord(encodeRecord(encryptRecord(record, CIPHER_KEY)), KEY)
      t.strictSame(viaJson(decryptRecord(sealed as DogRecord, [CIPHER_KEY], '/path')), viaJson(record))
    }),
    { numRuns: 100, seed: SEED },
  )
})

t.test('Every good ledger decodes as it was encoded', async (t) => {
  const good = fc.record({
    fetches: fc.record({ since: time, count, last: count }),
    failure: fc.record({ at: time, count, retryAt: time, code: text, message: text }),
  }) as fc.Arbitrary<Ledger>
  fc.assert(
    fc.property(good, (ledger) => {
      t.strictSame(viaJson(decodeLedger(encodeLedger(KEY, ledger))), viaJson(ledger))
    }),
    { numRuns: 100, seed: SEED },
  )
})
