import t from 'tap'
import { createStableTokenSlot, type StableTokenRules } from '../../../../src/testing/model/stable-token.js'

const SECOND_MS = 1000

function createSlot(rules: Partial<StableTokenRules> = {}) {
  let made = 0
  const standard: StableTokenRules = {
    ...{ ttl: 7200, overlap: 300, maxLive: 2, mint: () => `T${++made}` },
    ...{ stableAhead: 300, forced: 20, forceGap: 30, forceGapFrom: 'force', earlyForceCounts: false },
  }
  return createStableTokenSlot({ ...standard, ...rules })
}

t.test('Every caller gets the same token, with its remaining seconds rounded down', async (t) => {
  const slot = createSlot()
  t.same(slot.get(0), { token: 'T1', expiresIn: 7200, rotated: 'due' })
  t.same(slot.get(1), { token: 'T1', expiresIn: 7199, rotated: false })
  t.same(slot.get(6855 * SECOND_MS), { token: 'T1', expiresIn: 345, rotated: false })
})

t.test('A call in the last five minutes makes a new token, and both are accepted until the old one expires', async (t) => {
  const slot = createSlot()
  slot.get(0)
  t.same(slot.get(6900 * SECOND_MS), { token: 'T1', expiresIn: 300, rotated: false })
  t.same(slot.get(6900 * SECOND_MS + 1), { token: 'T2', expiresIn: 7200, rotated: 'due' })
  t.same([slot.checkToken('T1', 7200 * SECOND_MS - 1), slot.checkToken('T2', 7200 * SECOND_MS - 1)], [0, 0])
  t.same([slot.checkToken('T1', 7200 * SECOND_MS), slot.checkToken('T2', 7200 * SECOND_MS)], [40001, 0])
})

t.test('A token expires if no call replaces it', async (t) => {
  const slot = createSlot()
  slot.get(0)
  t.equal(slot.checkToken('T1', 7200 * SECOND_MS), 42001)
  t.match(slot.get(9000 * SECOND_MS), { token: 'T2', expiresIn: 7200 })
})

t.test('A killed token is returned again until a forced refresh replaces it', async (t) => {
  const slot = createSlot()
  slot.get(0)
  slot.kill()
  t.match(slot.get(SECOND_MS), { token: 'T1', expiresIn: 7199 })
  t.equal(slot.checkToken('T1', SECOND_MS), 40001)
  t.match(slot.forceRefresh(SECOND_MS), { token: 'T2', expiresIn: 7200, rotated: 'forced' })
  t.same(
    [slot.checkToken('T1', SECOND_MS), slot.checkToken('T2', SECOND_MS)],
    [40001, 0],
    'the overlap does not revive a killed token',
  )
})

t.test('A forced refresh within 30 s of the last one returns the current token and is not counted', async (t) => {
  const slot = createSlot()
  slot.get(0)
  t.match(
    slot.forceRefresh(SECOND_MS),
    { token: 'T2', rotated: 'forced' },
    'a recent rotation does not delay the first forced refresh',
  )
  t.same(slot.forceRefresh(31 * SECOND_MS - 1), { token: 'T2', expiresIn: 7170, rotated: false })
  t.equal(slot.forcedRefreshes.used(31 * SECOND_MS), 1)
  t.match(slot.forceRefresh(31 * SECOND_MS), { token: 'T3', rotated: 'forced' })
})

t.test('Two forced refreshes, 30 s apart, kill a leaked token within its overlap', async (t) => {
  const slot = createSlot()
  slot.get(0)
  slot.forceRefresh(SECOND_MS)
  t.equal(slot.checkToken('T1', 30 * SECOND_MS), 0)
  slot.forceRefresh(31 * SECOND_MS)
  t.equal(slot.checkToken('T1', 31 * SECOND_MS), 40001)
})

t.test('The 21st forced refresh of a day is refused, and the first of the next day is not', async (t) => {
  const slot = createSlot()
  for (let i = 0; i < 20; i += 1) t.match(slot.forceRefresh(i * 30 * SECOND_MS), { rotated: 'forced' })
  t.equal(slot.forceRefresh(600 * SECOND_MS), undefined)
  t.match(slot.get(600 * SECOND_MS), { token: 'T20' }, 'without force the current token is returned')
  // The epoch began at 8:00 in Beijing, 16 hours before midnight.
  t.match(slot.forceRefresh(16 * 3600 * SECOND_MS), { token: 'T21' })
})

t.test("A forced refresh that is too early is not refused, even when the day's are used up", async (t) => {
  const slot = createSlot({ forced: 1 })
  slot.forceRefresh(0)
  t.match(slot.forceRefresh(29 * SECOND_MS), { token: 'T1', rotated: false })
  t.equal(slot.forceRefresh(30 * SECOND_MS), undefined)
})

t.test('`earlyForceCounts` and `forceGapFrom` change the rules that are not known of the real platform', async (t) => {
  const counting = createSlot({ forced: 2, earlyForceCounts: true })
  counting.forceRefresh(0)
  t.match(counting.forceRefresh(SECOND_MS), { token: 'T1', rotated: false })
  t.equal(counting.forcedRefreshes.used(SECOND_MS), 2)
  t.equal(counting.forceRefresh(2 * SECOND_MS), undefined)
  const gap = createSlot({ forceGapFrom: 'rotation' })
  gap.get(0)
  t.match(gap.forceRefresh(29 * SECOND_MS), { token: 'T1', rotated: false })
  t.match(gap.forceRefresh(30 * SECOND_MS), { token: 'T2', rotated: 'forced' })
})
