import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { countingFetcher, createTestDog } from '../support/test-dog.js'
import { deferred, pause } from '../support/timing.js'

/** A waiter that joined the wait of another one late was once ended together with it. */

t.test('A waiter that joins a running wait late has its own full time limit', async (t) => {
  const { dog, another } = createTestDog(t, { timeout: 30 })
  const hold = deferred()
  const begun = deferred()
  dog.init('K', async () => {
    begun.resolve()
    await hold.promise
    return { value: 'v', expiresIn: 3600 }
  })
  const fetched = dog.get('K')
  await begun.promise

  // A get ends within 2.4 s here: twice the time-out, and 2 s.
  const waiter = another({ timeout: 0.2 })
  waiter.init('K', countingFetcher())
  const early = rejectionOf(waiter.get('K'))
  await pause(1800)
  let isOver = false
  const late = waiter.get('K').finally(() => (isOver = true))
  late.catch(() => {})
  t.match(await early, { code: 'ERR_DOG_WAIT_TIMEOUT' })
  await pause(100)
  t.equal(isOver, false, 'it still waits')
  hold.resolve()
  t.equal(await late, 'v')
  t.equal(await fetched, 'v')
})
