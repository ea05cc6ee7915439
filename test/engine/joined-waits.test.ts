import t from 'tap'
import { counting, failure, gate, kennel, pause } from '../support/test-dog.js'

/** A waiter that joined another's wait late was ended with it. */

t.test('a waiter that joins a flight late has its own full bound', async (t) => {
  const { dog, another } = kennel(t, { timeout: 30 })
  const hold = gate()
  const begun = gate()
  dog.init('K', async () => {
    begun.open()
    await hold.opened
    return { value: 'v', expiresIn: 3600 }
  })
  const fetched = dog.get('K')
  await begun.opened

  // Its bound is 2.4 s: twice the time-out, and 2 s.
  const waiter = another({ timeout: 0.2 })
  waiter.init('K', counting())
  const early = failure(waiter.get('K'))
  await pause(1800)
  let isOver = false
  const late = waiter.get('K').finally(() => (isOver = true))
  late.catch(() => {})
  t.match(await early, { code: 'ERR_DOG_WAIT_TIMEOUT' })
  await pause(100)
  t.equal(isOver, false, 'it still waits')
  hold.open()
  t.equal(await late, 'v')
  t.equal(await fetched, 'v')
})
