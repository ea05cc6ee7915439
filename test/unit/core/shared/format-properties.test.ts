import fc from 'fast-check'
import t from 'tap'
import type { DogRecord, Ledger } from '../../../../index.js'
import { decryptRecord, encryptRecord } from '../../../../src/core/model/encryption.js'
import { decodeLedger, decodeRecord, encodeLedger, encodeRecord } from '../../../../src/core/shared/format.js'
import { violationOfLedger, violationOfRecord } from '../../../support/damage/checks.js'
import { CIPHER_KEY, KEY, NOW } from '../../../support/damage/mutate.js'
import { SEED } from '../../../support/damage/seed.js'

/** The same for whatever fast-check thinks of; a counterexample is shrunk, and told with its seed. */
const how = { numRuns: 2000, seed: SEED }

/** Never another fault than the first: fast-check shrinks what is thrown. */
const sound = (fault: string | undefined) => {
  if (fault !== undefined) throw new Error(fault)
}

const names = fc.constantFrom('toString', 'valueOf', '__proto__', 'toJSON', 'constructor', 'a')
const awkward = fc.dictionary(names, fc.constantFrom(null, 1, 'x', true), { maxKeys: 3 })
const anything = fc.oneof(fc.jsonValue(), awkward, fc.double(), fc.maxSafeInteger())

/** Mostly a good field, now and then anything: else nothing would ever pass the first check. */
const or = <T>(good: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 8, arbitrary: good as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: anything })
const time = fc.oneof(fc.nat(), fc.constantFrom(0, NOW, NOW + 1e6, 8.64e15), fc.double({ min: 0, max: 8.64e15, noNaN: true }))
const count = fc.oneof(fc.nat(), fc.constantFrom(0, NOW, 8999999999999999))
const text = fc.string({ unit: 'binary' })

const fields = {
  key: or(fc.constant(KEY)),
  value: or(fc.jsonValue()),
  fetchedAt: or(time),
  expiresAt: or(time),
  ahead: or(fc.nat()),
  generation: or(count),
  identity: or(text),
  by: or(text),
  sealed: anything,
  later: anything,
}
const recordLike = fc.record(
  { dotdog: or(fc.constant(1)), ...fields },
  { requiredKeys: ['dotdog', 'key', 'value', 'fetchedAt', 'expiresAt', 'ahead', 'generation'] },
)
const legacyLike = fc.record(
  {
    data: fc.jsonValue(),
    gen_time: or(time),
    expires_in: or(fc.oneof(fc.nat(), fc.constant('7200'))),
    ahead: or(fc.nat()),
    dir: anything,
  },
  { requiredKeys: ['data', 'gen_time'] },
)
const fetches = fc.record({ since: or(time), count: or(count), last: or(count) }, { requiredKeys: ['since', 'count'] })
const failure = fc.record({ at: or(time), count: or(count), retryAt: or(time), code: or(text), message: or(text) })
const ledgerLike = fc.record(
  { dotdog: or(fc.constant(1)), key: anything, fetches: or(fetches), failure: or(failure), later: anything },
  { requiredKeys: ['dotdog', 'fetches'] },
)

t.test('whatever text a file holds, decoding it is sound', async () => {
  fc.assert(
    fc.property(fc.oneof(text, fc.json()), (any) => {
      sound(violationOfRecord(any, KEY, NOW))
      sound(violationOfLedger(any, KEY, NOW))
    }),
    how,
  )
})

for (const [what, like, check] of [
  ['a record', recordLike, violationOfRecord],
  ["guard_dog's", legacyLike, violationOfRecord],
  ['a ledger', ledgerLike, violationOfLedger],
] as const) {
  t.test(`whatever JSON looks like ${what}, decoding it is sound`, async () => {
    fc.assert(
      fc.property(like as fc.Arbitrary<unknown>, (any) => sound(check(JSON.stringify(any), KEY, NOW))),
      how,
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

/** -0 has no JSON, and __proto__ in a value is no difference. */
const viaJson = <T>(value: T): T => JSON.parse(JSON.stringify(value))

t.test('every good record comes back as it was written, also sealed', async (t) => {
  fc.assert(
    fc.property(goodRecord, (record) => {
      t.strictSame(viaJson(decodeRecord(encodeRecord(record), KEY)), viaJson(record))
      const sealed = decodeRecord(encodeRecord(encryptRecord(record, CIPHER_KEY)), KEY)
      t.strictSame(viaJson(decryptRecord(sealed as DogRecord, [CIPHER_KEY], '/path')), viaJson(record))
    }),
    { numRuns: 300, seed: SEED },
  )
})

t.test('every good ledger comes back as it was written', async (t) => {
  const good = fc.record({
    fetches: fc.record({ since: time, count, last: count }),
    failure: fc.record({ at: time, count, retryAt: time, code: text, message: text }),
  }) as fc.Arbitrary<Ledger>
  fc.assert(
    fc.property(good, (ledger) => {
      t.strictSame(viaJson(decodeLedger(encodeLedger(KEY, ledger))), viaJson(ledger))
    }),
    { numRuns: 300, seed: SEED },
  )
})
