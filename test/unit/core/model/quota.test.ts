import t from 'tap'
import type { Failure, Ledger } from '../../../../index.js'
import { currentWindow, DAY_S, quotaEnd, withAttempt, withoutAttempt } from '../../../../src/core/model/quota.js'

const NOW = 1_763_650_000_000
const ledger = (since: number, count: number, failure?: Failure): Ledger => ({
  fetches: { since, count, last: 9 },
  ...(failure && { failure }),
})
const failure = (parts: Partial<Failure> = {}): Failure => ({
  at: NOW,
  count: 1,
  retryAt: NOW + 1000,
  code: 'ERR_DOG_FETCH',
  message: 'no',
  ...parts,
})

t.test('Attempts are counted in a window that begins with its first attempt', async (t) => {
  t.same(currentWindow(undefined, NOW, 60), { since: NOW, count: 0 })
  t.same(currentWindow(ledger(NOW, 3), NOW, 60), { since: NOW, count: 3 })
  t.same(currentWindow(ledger(NOW - 59_999, 3), NOW, 60), { since: NOW - 59_999, count: 3 })
  t.same(currentWindow(ledger(NOW - 60_000, 3), NOW, 60), { since: NOW, count: 0 })
  t.same(withAttempt(undefined, NOW, 60, 7), { fetches: { since: NOW, count: 1, last: 7 }, firstToken: 7 })
  t.same(withAttempt(ledger(NOW - 1, 3), NOW, 60, 7).fetches, { since: NOW - 1, count: 4, last: 7 })
  t.same(withAttempt(ledger(NOW - 60_000, 3), NOW, 60, 7).fetches, { since: NOW, count: 1, last: 7 })
})

t.test('A window from more than a minute in the future begins now, so that a wrong clock blocks no key', async (t) => {
  t.equal(currentWindow(ledger(NOW + 60_000, 3), NOW, 60).count, 3)
  t.same(currentWindow(ledger(NOW + 60_001, 3), NOW, 60), { since: NOW, count: 0 })
})

t.test('withAttempt keeps the failure and unknown fields, and does not change its argument', async (t) => {
  const before = { ...ledger(NOW, 1, failure()), later: true }
  const text = JSON.stringify(before)
  t.same(withAttempt(before, NOW, 60, 12), { ...before, fetches: { since: NOW, count: 2, last: 12 } })
  t.equal(JSON.stringify(before), text)
})

t.test('A quota ends with its window', async (t) => {
  const quota = { limit: 3, window: 60 }
  t.equal(quotaEnd(undefined, NOW, quota), undefined)
  t.equal(quotaEnd(ledger(NOW, 2), NOW, quota), undefined)
  t.equal(quotaEnd(ledger(NOW - 5000, 3), NOW, quota), NOW + 55_000)
  t.equal(quotaEnd(ledger(NOW - 5000, 4), NOW, quota), NOW + 55_000)
  t.equal(quotaEnd(ledger(NOW - 59_999, 3), NOW, quota), NOW + 1)
  t.equal(quotaEnd(ledger(NOW - 60_000, 3), NOW, quota), undefined)
  t.equal(quotaEnd(ledger(NOW, 1e6), NOW, undefined), undefined, 'without a quota nothing ends')
  t.equal(DAY_S, 24 * 60 * 60)
})

t.test('A new ledger says from which number on it knows fetches, also where no attempt counts', (t) => {
  t.match(withAttempt(undefined, NOW, DAY_S, 7), { fetches: { count: 1, last: 7 }, firstToken: 7 })
  t.match(withoutAttempt(undefined, NOW, 7), { fetches: { count: 0, last: 7 }, firstToken: 7 })
  t.equal(withoutAttempt(ledger(NOW, 1), NOW, 10).firstToken, undefined)
  t.end()
})
