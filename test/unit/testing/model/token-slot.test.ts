import t from 'tap'
import { createSlot, type SlotRules } from '../../../../src/testing/model/token-slot.js'

function slot(rules: Partial<SlotRules> = {}) {
  let made = 0
  return createSlot({ ttl: 7200, overlap: 300, maxLive: 2, mint: () => `T${++made}`, ...rules })
}

const S = 1000

t.test('a token lives for its time and not a millisecond longer', async (t) => {
  const it = slot()
  t.equal(it.rotate(0), 'T1')
  t.equal(it.accept('T1', 7200 * S - 1), 0)
  t.equal(it.accept('T1', 7200 * S), 42001)
})

t.test('a replaced token is accepted for the overlap, and is "not latest" after it', async (t) => {
  const it = slot()
  it.rotate(0)
  it.rotate(1000 * S)
  t.equal(it.accept('T1', 1300 * S - 1), 0)
  t.equal(it.accept('T1', 1300 * S), 40001)
  t.equal(it.accept('T2', 1300 * S), 0)
})

t.test('the overlap does not prolong a token that was about to end', async (t) => {
  const it = slot()
  it.rotate(0)
  it.rotate(7100 * S)
  t.equal(it.accept('T1', 7200 * S - 1), 0)
  t.equal(it.accept('T1', 7200 * S), 40001)
})

t.test('a third fetch inside the overlap kills the first token at once', async (t) => {
  const it = slot()
  for (const at of [0, 1, 2]) it.rotate(at * S)
  t.equal(it.accept('T1', 3 * S), 40001)
  t.equal(it.accept('T2', 3 * S), 0)
  const three = slot({ maxLive: 3 })
  for (const at of [0, 1, 2]) three.rotate(at * S)
  t.equal(three.accept('T1', 3 * S), 0)
})

t.test('without overlap, or with one live token, a fetch kills the last token', async (t) => {
  for (const rules of [{ overlap: 0 }, { maxLive: 1 }]) {
    const it = slot(rules)
    it.rotate(0)
    it.rotate(1)
    t.equal(it.accept('T1', 1), 40001)
    t.equal(it.accept('T2', 1), 0)
  }
})

t.test('no token is another thing than a wrong one', async (t) => {
  const it = slot()
  t.equal(it.accept(undefined, 0), 41001)
  t.equal(it.accept('', 0), 41001)
  t.equal(it.accept('2', 0), 40001)
})

t.test('killing takes both live tokens, and the next one is good', async (t) => {
  const it = slot()
  it.rotate(0)
  it.rotate(1)
  it.kill()
  t.same(
    ['T1', 'T2'].map((token) => it.accept(token, 2)),
    [40001, 40001],
  )
  t.equal(it.newest, 'T2')
  it.rotate(3)
  t.equal(it.accept('T3', 3), 0)
  t.equal(it.accept('T2', 3), 40001, 'the dead do not come back')
})
