import t from 'tap'
import { runBlockedHolders, runDeadHolders } from './instant.js'

t.test("Sixteen processes that meet a dead holder's lock, or each other's commit, make one fetch", async (t) => {
  const { rounds, violations, straddlingRounds, ...figures } = await runDeadHolders(48)
  t.equal(rounds, 48)
  t.strictSame(violations, [])
  t.ok(straddlingRounds > 0, `in ${straddlingRounds} rounds processes came before and after the first result`)
  t.comment(JSON.stringify(figures))
})

t.test('A holder with a blocked event loop is not overtaken before its time-out and 2 s', async (t) => {
  const { violations, soonestMs } = await runBlockedHolders(3)
  t.strictSame(violations, [])
  t.ok(soonestMs >= 2000, `${soonestMs} ms after the time-out`)
})
