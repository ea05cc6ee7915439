import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { createTestDog } from '../support/test-dog.js'

/** Date.parse finds a date in almost any text with a number: `token-7200` lived until the year 7200. */

for (const text of ['token-7200', 'SECRETVALUE-42', 'in 5 minutes', 'error 1', '7200s', 'May', '1 1 1']) {
  for (const field of ['expiresIn', 'expiresAt']) {
    t.test(`an ${field} of ${JSON.stringify(text)} is no date`, async (t) => {
      const { dog } = createTestDog(t)
      dog.init('K', async () => ({ value: 'v', [field]: text }))
      t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_FETCH_RESULT' })
    })
  }
}

for (const [name, text] of [
  ['a day', '2999-01-02'],
  ['UTC', '2999-01-02T03:04:05Z'],
  ['with milliseconds', '2999-01-02T03:04:05.678Z'],
  ['an offset', '2999-01-02T03:04:05+08:00'],
] as const) {
  t.test(`an ISO date is one: ${name}`, async (t) => {
    const { dog } = createTestDog(t)
    dog.init('K', async () => ({ value: 'v', expiresAt: text }))
    await dog.get('K')
    t.equal(dog.peek('K')?.expiresAt, Date.parse(text))
  })
}
