// Reads of the store that overlap.
import t from 'tap'
import { createDog, createTestDog, DogError, memoryStore, overriding } from '../support/test-dog.js'
import { pause, until } from '../support/timing.js'

/**
 * A database may answer an earlier query later. An older record once returned to memory for a
 * while.
 */
t.test('A slow read does not replace a newer value in memory by an older one', async (t) => {
  const inner = memoryStore()
  let delay = 0
  const store = overriding(inner, {
    read: async (key) => {
      const record = await inner.read(key)
      const ms = delay
      delay = 0
      if (ms > 0) await pause(ms)
      return record
    },
  })
  const dog = createDog({ store })
  t.teardown(() => dog.close())
  let count = 0
  const generations: (number | undefined)[] = []
  dog.init('K', async () => ({ value: `v${++count}`, expiresIn: 3600 }))
  dog.on('change', ({ generation }) => generations.push(generation))
  t.equal(await dog.get('K'), 'v1')
  await pause(120)
  delay = 80
  const late = dog.get('K')
  t.equal(await dog.refresh('K'), 'v2')
  await late
  t.equal(dog.peek('K')?.value, 'v2')
  t.equal(await dog.get('K'), 'v2')
  t.same(
    generations,
    [...generations].sort((a, b) => Number(a) - Number(b)),
  )
})

/**
 * Reads overlap while a database is down. One that fails late does not announce a second outage.
 */
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
