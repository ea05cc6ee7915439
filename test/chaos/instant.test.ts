import t from 'tap'
import { blockedHolders, deadHolders } from './instant.js'

t.test('sixteen processes that meet a dead holder’s lock in the same millisecond make one fetch', async (t) => {
  const { rounds, wrong } = await deadHolders(5)
  t.equal(rounds, 5)
  t.strictSame(wrong, [])
})

t.test('a holder whose event loop is blocked past every heartbeat is not robbed before its time-out and 2 s', async (t) => {
  const { wrong, soonest } = await blockedHolders(3)
  t.strictSame(wrong, [])
  t.ok(soonest >= 2000, `${soonest} ms after the time-out`)
})
