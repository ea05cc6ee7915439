import t from 'tap'
import type { DogRecord } from '../../../../index.js'
import { defaultRefreshAhead, stateOf } from '../../../../src/core/model/freshness.js'

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
    [0, { ahead: 0.001, expiresAt: NOW + 1 }, 'due'],
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
