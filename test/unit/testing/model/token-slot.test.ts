import t from 'tap'
import { createTokenSlot, type TokenSlotRules } from '../../../../src/testing/model/token-slot.js'

function createSlot(rules: Partial<TokenSlotRules> = {}) {
  let made = 0
  return createTokenSlot({ ttl: 7200, overlap: 300, maxLive: 2, mint: () => `T${++made}`, ...rules })
}

const SECOND_MS = 1000

t.test('A token is accepted until the millisecond before its lifetime is over', async (t) => {
  const slot = createSlot()
  t.equal(slot.rotate(0), 'T1')
  t.equal(slot.checkToken('T1', 7200 * SECOND_MS - 1), 0)
  t.equal(slot.checkToken('T1', 7200 * SECOND_MS), 42001)
})

t.test('A replaced token is accepted for the overlap, and refused with 40001 after it', async (t) => {
  const slot = createSlot()
  slot.rotate(0)
  slot.rotate(1000 * SECOND_MS)
  t.equal(slot.checkToken('T1', 1300 * SECOND_MS - 1), 0)
  t.equal(slot.checkToken('T1', 1300 * SECOND_MS), 40001)
  t.equal(slot.checkToken('T2', 1300 * SECOND_MS), 0)
})

t.test('The overlap does not prolong the lifetime of a replaced token', async (t) => {
  const slot = createSlot()
  slot.rotate(0)
  slot.rotate(7100 * SECOND_MS)
  t.equal(slot.checkToken('T1', 7200 * SECOND_MS - 1), 0)
  t.equal(slot.checkToken('T1', 7200 * SECOND_MS), 40001)
})

t.test('A third fetch within the overlap kills the first token at once', async (t) => {
  const slot = createSlot()
  for (const at of [0, 1, 2]) slot.rotate(at * SECOND_MS)
  t.equal(slot.checkToken('T1', 3 * SECOND_MS), 40001)
  t.equal(slot.checkToken('T2', 3 * SECOND_MS), 0)
  const three = createSlot({ maxLive: 3 })
  for (const at of [0, 1, 2]) three.rotate(at * SECOND_MS)
  t.equal(three.checkToken('T1', 3 * SECOND_MS), 0)
})

t.test('Without an overlap, or with `maxLive` 1, a fetch kills the replaced token at once', async (t) => {
  for (const rules of [{ overlap: 0 }, { maxLive: 1 }]) {
    const slot = createSlot(rules)
    slot.rotate(0)
    slot.rotate(1)
    t.equal(slot.checkToken('T1', 1), 40001)
    t.equal(slot.checkToken('T2', 1), 0)
  }
})

t.test('A missing token is refused with 41001, and a wrong one with 40001', async (t) => {
  const slot = createSlot()
  t.equal(slot.checkToken(undefined, 0), 41001)
  t.equal(slot.checkToken('', 0), 41001)
  t.equal(slot.checkToken('2', 0), 40001)
})

t.test('`kill` kills all live tokens, and the next token is accepted', async (t) => {
  const slot = createSlot()
  slot.rotate(0)
  slot.rotate(1)
  slot.kill()
  t.same(
    ['T1', 'T2'].map((token) => slot.checkToken(token, 2)),
    [40001, 40001],
  )
  t.equal(slot.newest, 'T2')
  slot.rotate(3)
  t.equal(slot.checkToken('T3', 3), 0)
  t.equal(slot.checkToken('T2', 3), 40001, 'a killed token is not revived')
})
