import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { createTestDog } from '../support/test-dog.js'

/**
 * Date.parse finds a date in almost any text with a number: with it, `token-7200` lived until the
 * year 7200.
 */

for (const text of ['token-7200', 'SECRETVALUE-42', 'in 5 minutes', 'error 1', '7200s', 'May', '1 1 1']) {
  for (const field of ['expiresIn', 'expiresAt']) {
    t.test(`The text ${JSON.stringify(text)} is not accepted as a date in ${field}`, async (t) => {
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
  t.test(`An ISO date is accepted as expiresAt: ${name}`, async (t) => {
    const { dog } = createTestDog(t)
    dog.init('K', async () => ({ value: 'v', expiresAt: text }))
    await dog.get('K')
    t.equal(dog.peek('K')?.expiresAt, Date.parse(text))
  })
}
