import t from 'tap'
import { CALL_ERROR_FACTS } from '../../../../src/wechat/api/call-error-table.js'
import { factOf, secondsUntil } from '../../../../src/wechat/api/errcode-facts.js'
import { ERROR_FACTS, UNKNOWN_CODE } from '../../../../src/wechat/api/error-table.js'

t.test('only the three dead-token codes have the kind rejected, on a business call', async (t) => {
  for (const code of [40001, 40014, 42001]) t.equal(factOf(code, false).kind, 'rejected')
  for (const code of [-1, 41001, 42007, 42002, 40030, 45009, 45011, 48001, 50002, 40164, 12345]) {
    t.not(factOf(code, false).kind, 'rejected', String(code))
  }
})

t.test('a dead-token code of a token endpoint means a wrong AppSecret', async (t) => {
  for (const code of [40001, 40014, 42001]) {
    const fact = factOf(code, true)
    t.equal(fact.kind, 'permanent')
    t.match(fact.hint, /AppSecret/)
    t.equal(fact.retry, 60)
  }
})

t.test('an error that a person must correct is permanent, and is retried after a minute', async (t) => {
  for (const code of [
    40002, 40013, 40125, 40164, 40243, 41002, 41004, 43002, 50002, 50004, 50007, 61004, 61024, 89501, 89503,
  ]) {
    t.match(factOf(code, true), { kind: 'permanent', retry: 60 }, String(code))
  }
  t.equal(factOf(89507, true).retry, 3600)
  t.equal(factOf(89506, true).retry, 86_400)
})

t.test('the code -1 is transient, and the back-off decides when to retry', async (t) => {
  t.match(factOf(-1, true), { kind: 'transient', retry: undefined })
})

t.test('an undocumented code is a permanent error', async (t) => {
  t.equal(factOf(99_999, false).kind, 'permanent')
})

/** Every code of the platform's table for the token endpoints, and the important global codes. */
const DOCUMENTED = [
  ...[-1, 40001, 40002, 40013, 40125, 40164, 40243, 41002, 41004, 43002, 43003, 45009, 45011, 50002, 50004, 50007],
  ...[61004, 45035, 61024, 89501, 89503, 89506, 89507],
  ...[40066, 44002, 47001, 48001, 48004, 48006, 48017, 40097],
  ...[40014, 42001, 41001, 42007, 42002, 40030, 61023, 61006],
]

t.test('every documented code is in the table', async (t) => {
  for (const code of DOCUMENTED) t.not(factOf(code, false), UNKNOWN_CODE, String(code))
})

/** The codes of business calls that people meet daily. */
const DAILY = [40003, 40007, 40029, 40037, 40163, 40226, 41030, 43004, 43101, 45015, 45047, 46004, 47003, 48002, 87014]

t.test('the codes that business calls meet daily have a hint, and no moment at which to ask again', async (t) => {
  for (const code of DAILY) {
    const fact = factOf(code, false)
    t.not(fact, UNKNOWN_CODE, String(code))
    t.match(fact, { kind: 'permanent', retry: undefined })
  }
})

t.test('no code is in two tables', async (t) => {
  t.same(
    Object.keys(CALL_ERROR_FACTS).filter((code) => Object.hasOwn(ERROR_FACTS, code)),
    [],
  )
})

t.test('every hint is a sentence in English and in Chinese, and both name the same things', async (t) => {
  const facts = [...Object.entries(ERROR_FACTS), ...Object.entries(CALL_ERROR_FACTS), ['unknown', UNKNOWN_CODE] as const]
  for (const [code, { hint, hintZh }] of facts) {
    t.match(hint, /^[A-Z][\x20-\x7e]+[.]$/, code)
    t.match(hintZh, /\p{Script=Han}.*。$/u, code)
    for (const name of ['{ip}', 'AppSecret', 'POST', 'HTTPS', 'baseUrl', 'errcode']) {
      if (hint.includes(name)) t.ok(hintZh.includes(name), `${code}: ${name}`)
    }
  }
})

t.test('all codes for an address outside the whitelist have the same hint', async (t) => {
  for (const code of [40164, 61004, 45035]) t.match(factOf(code, true).hint, 'Add {ip} to the IP whitelist')
})

t.test('a daily quota is reset at midnight in Beijing', async (t) => {
  const until = (iso: string) => secondsUntil('midnight in Beijing', Date.parse(iso))
  t.equal(until('2026-03-01T00:00:00+08:00'), 86_400)
  t.equal(until('2026-03-01T23:59:59+08:00'), 1)
  t.equal(until('2026-03-01T23:59:59.900+08:00'), 1)
  t.equal(until('2026-03-01T00:00:00Z'), 16 * 3600)
  t.equal(until('2026-03-01T15:59:00Z'), 60)
  t.equal(until('2026-03-01T16:00:00Z'), 86_400)
})

t.test('a quota per minute is reset at the next minute', async (t) => {
  const until = (iso: string) => secondsUntil('next minute', Date.parse(iso))
  t.equal(until('2026-03-01T00:00:00Z'), 60)
  t.equal(until('2026-03-01T00:00:59.999Z'), 1)
  t.equal(until('2026-03-01T00:00:12.300Z'), 48)
})
