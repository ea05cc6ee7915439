import t from 'tap'
import { createDog, memoryStore, overriding } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

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
