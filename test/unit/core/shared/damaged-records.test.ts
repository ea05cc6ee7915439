import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { DogRecord } from '../../../../index.js'
import { decryptRecord, toCipherKey } from '../../../../src/core/model/encryption.js'
import { DogError } from '../../../../src/core/model/errors.js'
import { decodeRecord, encodeRecord } from '../../../../src/core/shared/format.js'
import { violationOfLedger } from '../../../support/damage/checks.js'
import { CIPHER_KEY, encryptedRecords, KEY, ledgerTexts, NOW, plainRecords } from '../../../support/damage/mutate.js'
import { SEED } from '../../../support/damage/seed.js'
import { violations } from '../../../support/damage/violations.js'

// test/processes/damage/ledgers.test.ts has the long form.
const LEDGERS = 5000

t.test(`${LEDGERS} damaged ledgers decode to the right types, and block no key for good`, async (t) => {
  t.same(
    violations(LEDGERS, SEED + 1, ledgerTexts, (text) => violationOfLedger(text, KEY, NOW)),
    [],
  )
})

/** Whether a decrypted record equals one of the originals in every field, not only in its value. */
const isOriginal = (decrypted: DogRecord) => plainRecords.slice(0, 2).some((original) => isDeepStrictEqual(decrypted, original))

t.test('6000 damaged encrypted records decrypt unchanged, or not at all', async (t) => {
  const keys = [toCipherKey(Buffer.alloc(32, 9)), CIPHER_KEY]
  let decrypted = 0
  let rejected = 0
  const check = (text: string) => {
    const found = decodeRecord(text, KEY)
    if (typeof found !== 'object') return
    for (const some of [keys, [], keys.slice(0, 1)]) {
      try {
        const record = decryptRecord(found, some, '/path')
        if (found.sealed === undefined) continue
        if (some !== keys) return 'decrypted without its key'
        if (!isOriginal(record)) return 'decrypted to a changed record'
        decrypted++
      } catch (error) {
        if (!(error instanceof DogError) || error.code !== 'ERR_DOG_DECRYPT') return `threw ${error}`
        rejected++
      }
    }
    return
  }
  t.same(violations(6000, SEED + 2, encryptedRecords.map(encodeRecord), check), [])
  t.ok(decrypted > 0 && rejected > 500, `${decrypted} decrypted, ${rejected} rejected`)
})

t.test('No damage reached the prototypes', async (t) => {
  t.strictSame(Object.keys(Object.prototype), [])
  for (const name of ['value', 'dotdog', 'polluted', 'length', 'toJSON', 'then']) t.notOk(name in {}, name)
})
