import t from 'tap'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'

/** Promises that settle without a wait are one turn of the event loop: what was answered in it before was answered again. */
t.test('a value that was replaced in this turn is not answered from it any more', async (t) => {
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

t.test('all callers get the same answer of peek, which none can change for the others', async (t) => {
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
