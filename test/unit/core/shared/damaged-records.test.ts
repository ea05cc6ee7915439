import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { DogRecord } from '../../../../index.js'
import { decryptRecord, toCipherKey } from '../../../../src/core/model/encryption.js'
import { DogError } from '../../../../src/core/model/errors.js'
import { decodeRecord, encodeRecord } from '../../../../src/core/shared/format.js'
import { violationOfLedger } from '../../../support/damage/checks.js'
import {
  CIPHER_KEY,
  encryptedRecords,
  KEY,
  ledgerTexts,
  mutate,
  NOW,
  plainRecords,
  seededRandom,
} from '../../../support/damage/mutate.js'
import { SEED } from '../../../support/damage/seed.js'

const LEDGERS = 100_000

/** Runs a check over so many damaged texts; the first few that fail are told, each with what it was. */
function faults(count: number, seed: number, texts: string[], check: (text: string) => string | undefined): string[] {
  const random = seededRandom(seed)
  const found: string[] = []
  for (let i = 0; i < count && found.length < 10; i++) {
    const text = mutate(texts, random).toString()
    let fault: string | undefined
    try {
      fault = check(text)
    } catch (error) {
      fault = `threw ${error}`
    }
    if (fault !== undefined) found.push(`${fault}: ${text.slice(0, 400)}`)
  }
  return found
}

t.test(`${LEDGERS} damaged ledgers: what is decoded is of the right types, and closes no key for good`, async (t) => {
  t.same(
    faults(LEDGERS, SEED + 1, ledgerTexts, (text) => violationOfLedger(text, KEY, NOW)),
    [],
  )
})

/** The original of a record that was opened, if it is one: all of it, not the value alone. */
const isOriginal = (opened: DogRecord) => plainRecords.slice(0, 2).some((original) => isDeepStrictEqual(opened, original))

t.test('6000 damaged sealed records: each is opened unchanged, or not at all', async (t) => {
  const keys = [toCipherKey(Buffer.alloc(32, 9)), CIPHER_KEY]
  let opened = 0
  let refused = 0
  const check = (text: string) => {
    const found = decodeRecord(text, KEY)
    if (typeof found !== 'object') return
    for (const some of [keys, [], keys.slice(0, 1)]) {
      try {
        const record = decryptRecord(found, some, '/path')
        if (found.sealed === undefined) continue
        if (some !== keys) return 'opened without its key'
        if (!isOriginal(record)) return 'opened, and changed'
        opened++
      } catch (error) {
        if (!(error instanceof DogError) || error.code !== 'ERR_DOG_DECRYPT') return `threw ${error}`
        refused++
      }
    }
    return
  }
  t.same(faults(6000, SEED + 2, encryptedRecords.map(encodeRecord), check), [])
  t.ok(opened > 0 && refused > 500, `${opened} opened, ${refused} refused`)
})

t.test('no damage reached the prototypes', async (t) => {
  t.strictSame(Object.keys(Object.prototype), [])
  for (const name of ['value', 'dotdog', 'polluted', 'length', 'toJSON', 'then']) t.notOk(name in {}, name)
})
