import t from 'tap'
import { createStableSlot, type StableRules } from '../../../../src/testing/model/stable-token.js'

const S = 1000

function stable(rules: Partial<StableRules> = {}) {
  let made = 0
  const standard: StableRules = {
    ...{ ttl: 7200, overlap: 300, maxLive: 2, mint: () => `T${++made}` },
    ...{ stableAhead: 300, forced: 20, forceGap: 30, forceGapFrom: 'force', earlyForceCounts: false },
  }
  return createStableSlot({ ...standard, ...rules })
}

t.test('everybody gets the same token, with the seconds that remain of it, rounded down', async (t) => {
  const it = stable()
  t.same(it.ask(0), { token: 'T1', expiresIn: 7200, rotated: 'due' })
  t.same(it.ask(1), { token: 'T1', expiresIn: 7199, rotated: false })
  t.same(it.ask(6855 * S), { token: 'T1', expiresIn: 345, rotated: false })
})

t.test('in the last five minutes a call makes a new token, and both are good until the old one ends', async (t) => {
  const it = stable()
  it.ask(0)
  t.same(it.ask(6900 * S), { token: 'T1', expiresIn: 300, rotated: false })
  t.same(it.ask(6900 * S + 1), { token: 'T2', expiresIn: 7200, rotated: 'due' })
  t.same([it.accept('T1', 7200 * S - 1), it.accept('T2', 7200 * S - 1)], [0, 0])
  t.same([it.accept('T1', 7200 * S), it.accept('T2', 7200 * S)], [40001, 0])
})

t.test('nothing happens by itself: a token that nobody asks about ends', async (t) => {
  const it = stable()
  it.ask(0)
  t.equal(it.accept('T1', 7200 * S), 42001)
  t.match(it.ask(9000 * S), { token: 'T2', expiresIn: 7200 })
})

t.test('a dead token is answered again: only force, or time, makes a new one', async (t) => {
  const it = stable()
  it.ask(0)
  it.kill()
  t.match(it.ask(S), { token: 'T1', expiresIn: 7199 })
  t.equal(it.accept('T1', S), 40001)
  t.match(it.force(S), { token: 'T2', expiresIn: 7200, rotated: 'forced' })
  t.same([it.accept('T1', S), it.accept('T2', S)], [40001, 0], 'the dead one does not come back by the overlap')
})

t.test('a force within thirty seconds of the last one changes nothing, and costs nothing', async (t) => {
  const it = stable()
  it.ask(0)
  t.match(it.force(S), { token: 'T2', rotated: 'forced' }, 'a token that is new does not hinder the first force')
  t.same(it.force(31 * S - 1), { token: 'T2', expiresIn: 7170, rotated: false })
  t.equal(it.forces.used(31 * S), 1)
  t.match(it.force(31 * S), { token: 'T3', rotated: 'forced' })
})

t.test('two forces, thirty seconds apart, push a leaked token out within its overlap', async (t) => {
  const it = stable()
  it.ask(0)
  it.force(S)
  t.equal(it.accept('T1', 30 * S), 0)
  it.force(31 * S)
  t.equal(it.accept('T1', 31 * S), 40001)
})

t.test('the twenty-first force of a day is refused, the first of the next day is not', async (t) => {
  const it = stable()
  for (let i = 0; i < 20; i += 1) t.match(it.force(i * 30 * S), { rotated: 'forced' })
  t.equal(it.force(600 * S), undefined)
  t.match(it.ask(600 * S), { token: 'T20' }, 'without force there is still the current one')
  // The epoch began at eight in the morning in Beijing.
  t.match(it.force(16 * 3600 * S), { token: 'T21' })
})

t.test('a force that is too early is no force even when the day is used up', async (t) => {
  const it = stable({ forced: 1 })
  it.force(0)
  t.match(it.force(29 * S), { token: 'T1', rotated: false })
  t.equal(it.force(30 * S), undefined)
})

t.test('what is not known of the real platform can be chosen', async (t) => {
  const counting = stable({ forced: 2, earlyForceCounts: true })
  counting.force(0)
  t.match(counting.force(S), { token: 'T1', rotated: false })
  t.equal(counting.forces.used(S), 2)
  t.equal(counting.force(2 * S), undefined)
  const gap = stable({ forceGapFrom: 'rotation' })
  gap.ask(0)
  t.match(gap.force(29 * S), { token: 'T1', rotated: false })
  t.match(gap.force(30 * S), { token: 'T2', rotated: 'forced' })
})
