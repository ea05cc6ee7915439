import t from 'tap'
import type { Failure, Ledger } from '../../../../index.js'
import { standingFailure, withFailure, withoutFailure } from '../../../../src/core/model/failure-backoff.js'

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
