// While a database is down looks overlap: one that fails late is no second outage.
import t from 'tap'
import { createTestDog, DogError, memoryStore, overriding } from '../support/test-dog.js'
import { pause, until } from '../support/timing.js'

t.test('a look that fails after a later one was answered is no second warning', async (t) => {
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
  const look = async () => {
    await pause(110)
    return dog.get('K')
  }
  await dog.get('K')
  isDown = true
  const first = look()
  await until(() => fail.length > 0)
  timedOut()
  t.equal(await first, 'v')
  t.equal(warnings.length, 1)
  t.equal(await look(), 'v')
  t.equal(fail.length, 1, 'one is under way')
  isDown = false
  t.equal(await look(), 'v')
  timedOut()
  t.equal(await look(), 'v')
  t.equal(warnings.length, 1)
})
