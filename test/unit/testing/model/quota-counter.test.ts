import t from 'tap'
import { createQuotaCounter, dayOf, minuteOf, monthOf } from '../../../../src/testing/model/quota-counter.js'

const at = (iso: string): number => Date.parse(iso)

t.test('A day and a month begin at midnight in Beijing, and a minute at the full minute', async (t) => {
  t.equal(dayOf(at('2026-03-01T16:00:00Z')) - dayOf(at('2026-03-01T15:59:59.999Z')), 1)
  t.equal(dayOf(at('2026-03-02T15:59:59Z')), dayOf(at('2026-03-01T16:00:00Z')))
  t.equal(monthOf(at('2026-12-31T16:00:00Z')) - monthOf(at('2026-12-31T15:59:59Z')), 1, 'also at New Year')
  t.equal(monthOf(at('2026-03-31T15:00:00Z')), monthOf(at('2026-02-28T16:00:00Z')))
  t.equal(minuteOf(60_000) - minuteOf(59_999), 1)
})

t.test('A counter counts calls up to its limit, and does not count a refused call', async (t) => {
  const counter = createQuotaCounter(2, minuteOf)
  t.same([counter.take(0), counter.take(1), counter.take(2), counter.take(3)], [true, true, false, false])
  t.equal(counter.used(4), 2)
  t.equal(counter.take(60_000), true, 'the next minute')
  t.equal(counter.used(60_000), 1)
  counter.clear()
  t.equal(counter.used(60_000), 0)
})

t.test('A limit of Infinity refuses no call, and a limit of 0 refuses every call', async (t) => {
  t.equal(createQuotaCounter(Number.POSITIVE_INFINITY, dayOf).take(0), true)
  t.equal(createQuotaCounter(0, dayOf).take(0), false)
})
