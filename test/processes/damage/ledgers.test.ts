import t from 'tap'
import { violationOfLedger } from '../../support/damage/checks.js'
import { KEY, ledgerTexts, NOW } from '../../support/damage/mutate.js'
import { SEED } from '../../support/damage/seed.js'
import { violations } from '../../support/damage/violations.js'

// The long form of a test of test/unit/core/shared/damaged-records.test.ts.
const LEDGERS = 100_000

t.test(`${LEDGERS} damaged ledgers decode to the right types, and block no key for good`, async (t) => {
  t.same(
    violations(LEDGERS, SEED + 1, ledgerTexts, (text) => violationOfLedger(text, KEY, NOW)),
    [],
  )
})
