import t from 'tap'
import { createDog, memoryStore, storeOnFullDisk } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

/**
 * A dog once waited for a change from a value that only its memory had. The store never had that
 * value, so each wait ended at once.
 */
t.test('A dog with a value that could not be stored waits for another holder without a busy loop', async (t) => {
  const inner = memoryStore()
  let fails = true
  const failing = storeOnFullDisk(inner, () => fails)
  const mine = createDog({ store: failing })
  const theirs = createDog({ store: inner })
  t.teardown(() => Promise.all([mine.close(), theirs.close()]))
  mine.init('K', async () => ({ value: 'not stored', expiresIn: 3600 }))
  let asked = () => {}
  const isAsked = new Promise<void>((resolve) => (asked = resolve))
  theirs.init('K', async () => {
    asked()
    await pause(200)
    return { value: 'theirs', expiresIn: 3600 }
  })
  t.equal(await mine.get('K'), 'not stored')
  const refreshed = theirs.refresh('K')
  await isAsked
  fails = false
  let turns = 0
  const timer = setInterval(() => turns++, 10)
  t.equal(await mine.refresh('K', { rejected: 'not stored' }), 'theirs')
  clearInterval(timer)
  t.equal(await refreshed, 'theirs')
  t.ok(turns > 1, 'the event loop went on meanwhile')
})
