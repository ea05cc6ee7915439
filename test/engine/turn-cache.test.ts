import t from 'tap'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'

/**
 * Promises that settle without a wait run in one tick of the event loop. A value from earlier in
 * the tick was once served again after it had been replaced.
 */
t.test('A value that was replaced in the same tick of the event loop is not served from the turn cache', async (t) => {
  const dir = temporaryFolder(t)
  const [dog, other] = [createDog({ dir }), createDog({ dir })]
  t.teardown(() => Promise.all([dog.close(), other.close()]))
  await other.set('K', 'old', { expiresIn: 3600 })
  t.equal(await dog.get('K'), 'old')
  t.equal(dog.peek('K')?.value, 'old')
  await other.set('K', 'new', { expiresIn: 3600 })
  dog.get('K')
  dog.peek('K')
  t.equal(await dog.refresh('K', { rejected: 'old' }), 'new')
  t.equal(dog.peek('K')?.value, 'new')
  t.equal(await dog.get('K'), 'new')
})

t.test('peek returns one frozen object to all callers of a tick', async (t) => {
  const dog = createDog({ dir: temporaryFolder(t) })
  t.teardown(() => dog.close())
  await dog.set('K', 'kept', { expiresIn: 3600 })
  for (let round = 0; round < 3; round++) {
    const peeked = dog.peek('K') as { value: string }
    t.throws(() => {
      peeked.value = 'changed'
    }, TypeError)
    t.equal(await dog.get('K'), 'kept')
  }
})
