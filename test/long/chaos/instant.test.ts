import t from 'tap'
import { blockedHolders, deadHolders } from './instant.js'

t.test('sixteen processes that meet a dead holder’s lock, or each other’s commit, make one fetch', async (t) => {
  const { rounds, wrong, crossed, ...figures } = await deadHolders(48)
  t.equal(rounds, 48)
  t.strictSame(wrong, [])
  t.ok(crossed > 0, `in ${crossed} rounds they came before and after the first answer`)
  t.comment(JSON.stringify(figures))
})

t.test('a holder whose event loop is blocked past every heartbeat is not robbed before its time-out and 2 s', async (t) => {
  const { wrong, soonest } = await blockedHolders(3)
  t.strictSame(wrong, [])
  t.ok(soonest >= 2000, `${soonest} ms after the time-out`)
})
