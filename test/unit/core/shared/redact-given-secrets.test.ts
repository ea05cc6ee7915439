import t from 'tap'
import { redact } from '../../../../src/core/shared/redact.js'

t.test('secrets given with a text are masked in every form in which an upstream echoes them, however short', async (t) => {
  const secret = 'a/b"c'
  for (const form of [secret, encodeURIComponent(secret), 'a/b\\"c', Buffer.from(secret).toString('base64')]) {
    t.equal(redact(`the credential ${form} is wrong`, [secret]), 'the credential *** is wrong')
  }
  t.equal(redact('short: xy', ['xy', '']), 'short: ***')
})

t.test('a secret given with one text is not remembered for the next', async (t) => {
  t.equal(redact('once only: given-secret', ['given-secret']), 'once only: ***')
  t.equal(redact('once only: given-secret'), 'once only: given-secret')
})

t.test('all other redactions apply to a text with given secrets', async (t) => {
  t.equal(redact('GET https://user:pw@host/path?secret=s', ['nothing']), 'GET https://***@host/path?***')
})
