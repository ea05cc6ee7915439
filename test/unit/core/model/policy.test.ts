import t from 'tap'
import type { DogRecord, Failure, Ledger } from '../../../../index.js'
import {
  currentWindow,
  DAY_S,
  defaultRefreshAhead,
  quotaEnd,
  standingFailure,
  stateOf,
  withAttempt,
  withFailure,
  withoutFailure,
} from '../../../../src/core/model/policy.js'

const NOW = 1_763_650_000_000
const record = (parts: Partial<DogRecord> = {}): DogRecord => ({
  key: 'K',
  value: 'v',
  fetchedAt: NOW,
  expiresAt: NOW + 7200_000,
  ahead: 300,
  generation: 1,
  ...parts,
})
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

t.test('A record becomes due and expired at the exact millisecond', async (t) => {
  const table: [number, Partial<DogRecord>, string][] = [
    [0, {}, 'fresh'],
    [6900_000 - 1, {}, 'fresh'],
    [6900_000, {}, 'due'],
    [7200_000 - 1, {}, 'due'],
    [7200_000, {}, 'expired'],
    [7200_001, {}, 'expired'],
    [7200_000 - 1, { ahead: 0 }, 'fresh'],
    [7200_000, { ahead: 0 }, 'expired'],
    [0, { ahead: 7200 }, 'due'],
    [0, { expiresAt: NOW }, 'expired'],
    [0, { expiresAt: NOW + 1, ahead: 0.001 }, 'due'],
    [0, { ahead: 0.0005, expiresAt: NOW + 1 }, 'fresh'],
    [0, { expiresAt: 8.64e15 }, 'fresh'],
  ]
  for (const [after, parts, state] of table)
    t.equal(stateOf(record(parts), NOW + after), state, `${after} ${JSON.stringify(parts)}`)
})

t.test('A record from more than a minute in the future is due, as its clock was wrong', async (t) => {
  t.equal(stateOf(record({ fetchedAt: NOW + 60_000 }), NOW), 'fresh')
  t.equal(stateOf(record({ fetchedAt: NOW + 60_001 }), NOW), 'due')
  t.equal(stateOf(record({ fetchedAt: NOW + 60_001, expiresAt: NOW }), NOW), 'expired')
})

t.test('A value is due a tenth of its lifetime before its expiry, at most five minutes', async (t) => {
  for (const [lifetime, ahead] of [
    [0, 0],
    [3, 0.3],
    [2990, 299],
    [3000, 300],
    [3010, 300],
    [Number.POSITIVE_INFINITY, 300],
  ] as const) {
    t.equal(defaultRefreshAhead(lifetime), ahead)
  }
})

t.test('Attempts are counted in a window that begins with its first attempt', async (t) => {
  t.same(currentWindow(undefined, NOW, 60), { since: NOW, count: 0 })
  t.same(currentWindow(ledger(NOW, 3), NOW, 60), { since: NOW, count: 3 })
  t.same(currentWindow(ledger(NOW - 59_999, 3), NOW, 60), { since: NOW - 59_999, count: 3 })
  t.same(currentWindow(ledger(NOW - 60_000, 3), NOW, 60), { since: NOW, count: 0 })
  t.same(withAttempt(undefined, NOW, 60, 7), { fetches: { since: NOW, count: 1, last: 7 } })
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

t.test('A failure stands until its retryAt, to the millisecond', async (t) => {
  const it = ledger(NOW, 1, failure())
  t.equal(standingFailure(it, NOW), it.failure)
  t.equal(standingFailure(it, NOW + 999), it.failure)
  t.equal(standingFailure(it, NOW + 1000), undefined)
  t.equal(standingFailure(ledger(NOW, 1), NOW), undefined)
  t.equal(standingFailure(undefined, NOW), undefined)
})

t.test('A failure from more than a minute in the future is ignored', async (t) => {
  const from = (at: number) => standingFailure(ledger(NOW, 1, failure({ at, retryAt: at + 1000 })), NOW)
  t.equal(from(NOW + 60_000)?.count, 1)
  t.equal(from(NOW + 60_001), undefined)
})

t.test('The back-off doubles from 1 s to 60 s, and at least half of each wait is certain', async (t) => {
  const full = [1, 2, 4, 8, 16, 32, 60, 60, 60]
  for (const random of [0, 1]) {
    let it = ledger(NOW, 1)
    for (const [i, seconds] of full.entries()) {
      it = withFailure(it, NOW, { code: 'ERR_DOG_FETCH', message: 'no' }, random)
      t.equal(it.failure!.count, i + 1)
      t.equal(it.failure!.at, NOW)
      t.equal(it.failure!.retryAt - NOW, seconds * (random === 0 ? 500 : 1000))
    }
  }
  const many = withFailure(ledger(NOW, 1, failure({ count: 5000 })), NOW, { code: 'c', message: 'm' }, 1)
  t.equal(many.failure!.retryAt, NOW + 60_000, 'the back-off stays at 60 s')
})

t.test('The random back-off lies between its bounds', async (t) => {
  for (let i = 0; i < 200; i++) {
    const wait = withFailure(ledger(NOW, 1), NOW, { code: 'c', message: 'm' }).failure!.retryAt - NOW
    t.ok(wait >= 500 && wait <= 1000)
  }
})

t.test('The retryAfter of the upstream replaces the back-off', async (t) => {
  const wait = (retryAfter: number) => withFailure(ledger(NOW, 1), NOW, { code: 'c', message: 'm', retryAfter }, 1).failure!
  t.equal(wait(3600).retryAt, NOW + 3600_000)
  t.equal(wait(0).retryAt, NOW)
  t.equal(wait(0.0001).retryAt, NOW + 1, 'rounded up, so that the next fetch is not early')
})

t.test('withoutFailure keeps the rest of the ledger', async (t) => {
  const it = { ...ledger(NOW, 4, failure()), later: 1 }
  t.same(withoutFailure(it), { ...ledger(NOW, 4), later: 1 })
  t.ok(it.failure)
})
