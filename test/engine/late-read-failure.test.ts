// Reads overlap while a database is down. One that fails late does not announce a second outage.
import t from 'tap'
import { createTestDog, DogError, memoryStore, overriding } from '../support/test-dog.js'
import { pause, until } from '../support/timing.js'

t.test('A read that fails after a later read succeeded causes no second warning', async (t) => {
  const inner = memoryStore()
  let fail: ((error: Error) => void)[] = []
  let isDown = false
  const store = overriding(inner, {
    read: (key) => (isDown ? new Promise<never>((_, reject) => fail.push(reject)) : Promise.resolve(inner.read(key))),
  })
  const { dog, warnings } = createTestDog(t, { store })
  await dog.set('K', 'v', { expiresIn: 60 })
  const timedOut = () => {
    for (const reject of fail) reject(new DogError('ERR_DOG_STORE', 'no answer'))
    fail = []
  }
  const readLater = async () => {
    await pause(110)
    return dog.get('K')
  }
  await dog.get('K')
  isDown = true
  const first = readLater()
  await until(() => fail.length > 0)
  timedOut()
  t.equal(await first, 'v')
  t.equal(warnings.length, 1)
  t.equal(await readLater(), 'v')
  t.equal(fail.length, 1, 'one read is still pending')
  isDown = false
  t.equal(await readLater(), 'v')
  timedOut()
  t.equal(await readLater(), 'v')
  t.equal(warnings.length, 1)
})
