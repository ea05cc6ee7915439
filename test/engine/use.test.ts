import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { countingFetcher, createTestDog, DogError, storeRecord } from '../support/test-dog.js'

class Dead extends Error {}
const isRejected = (error: unknown) => error instanceof Dead

t.test('use passes the value to the task, and resolves to its result', async (t) => {
  const { dog } = createTestDog(t)
  const secret = dog.init('K', countingFetcher())
  t.equal(await dog.use('K', (value) => `used ${value}`), 'used v1')
  t.equal(await secret.use(async (value) => `used ${value}`), 'used v1')
})

for (const isAsync of [true, false]) {
  t.test(`A rejected value is replaced, and the task runs once more (${isAsync ? 'async' : 'sync'} task)`, async (t) => {
    const { dog, store } = createTestDog(t)
    await storeRecord(store, 'K', 'dead', -100, 7000)
    const fetcher = countingFetcher()
    dog.init('K', fetcher, { isRejected })
    const seen: string[] = []
    const task = (value: string) => {
      seen.push(value)
      if (value === 'dead') throw new Dead('40001')
      return 'done'
    }
    t.equal(await dog.use('K', isAsync ? async (value: string) => task(value) : task), 'done')
    t.same(seen, ['dead', 'v1'])
    t.equal(fetcher.calls.count, 1)
  })
}

t.test('A task runs at most twice', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'dead', -100, 7000)
  const fetcher = countingFetcher()
  dog.init('K', fetcher, { isRejected })
  let runs = 0
  const error = await rejectionOf(
    dog.use('K', () => {
      throw new Dead(`run ${++runs}`)
    }),
  )
  t.ok(error instanceof Dead, "the task's own error")
  t.equal(error.message, 'run 2')
  t.equal(fetcher.calls.count, 1)
})

t.test('Thirty tasks in three dogs with one dead value cause one fetch, and all succeed', async (t) => {
  const { dog, another, store } = createTestDog(t, { isRejected })
  await storeRecord(store, 'K', 'dead', -100, 7000)
  const fetcher = countingFetcher({ expiresIn: 7200 }, 20)
  const dogs = [dog, another(), another()]
  for (const one of dogs) one.init('K', fetcher)
  const task = async (value: string) => {
    if (value === 'dead') throw new Dead()
    return value
  }
  t.same(await Promise.all(Array.from({ length: 30 }, (_, i) => dogs[i % 3]!.use('K', task))), Array(30).fill('v1'))
  t.equal(fetcher.calls.count, 1)
})

t.test('use passes on any other error of the task unchanged, and makes no fetch', async (t) => {
  const { dog } = createTestDog(t)
  const fetcher = countingFetcher()
  dog.init('K', fetcher, { isRejected })
  for (const own of [new Error('own'), 'text', undefined, null, 0]) {
    let runs = 0
    const task = () => {
      runs++
      throw own
    }
    try {
      await dog.use('K', task)
      t.fail('must reject')
    } catch (error) {
      t.equal(error, own)
    }
    t.equal(runs, 1)
  }
  t.equal(fetcher.calls.count, 1)
})

t.test('An ERR_DOG_REJECTED of this key, or without a key, counts as a rejection even without isRejected', async (t) => {
  for (const fields of [{ key: 'K' }, {}]) {
    for (const error of [
      new DogError('ERR_DOG_REJECTED', 'dead', fields),
      Object.assign(new Error('dead'), { code: 'ERR_DOG_REJECTED', ...fields }),
    ]) {
      const { dog, store } = createTestDog(t)
      await storeRecord(store, 'K', 'dead', -100, 7000)
      dog.init('K', countingFetcher())
      const task = async (value: string) => {
        if (value === 'dead') throw error
        return value
      }
      t.equal(await dog.use('K', task), 'v1')
    }
  }
})

t.test('A rejection of another key does not count for this one, whatever isRejected returns', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'good', -100, 7000)
  const fetcher = countingFetcher()
  dog.init('K', fetcher, { isRejected: () => true })
  for (const error of [
    new DogError('ERR_DOG_REJECTED', 'dead', { key: 'OTHER' }),
    Object.assign(new Error('dead'), { code: 'ERR_DOG_REJECTED', key: 'OTHER' }),
    new DogError('ERR_DOG_FETCH', 'down', { key: 'OTHER' }),
  ]) {
    t.equal(await rejectionOf(dog.use('K', () => Promise.reject(error))), error)
  }
  t.equal(fetcher.calls.count, 0)
})

t.test('When the refresh after a rejection fails, use rejects with its error', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'dead', -100, 7000)
  dog.init('K', () => Promise.reject(new Error('down')), { isRejected })
  t.match(await rejectionOf(dog.use('K', () => Promise.reject(new Dead()))), { code: 'ERR_DOG_FETCH', message: /down/ })
})

t.test('Without a value the task does not run', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('K', () => Promise.reject(new Error('down')))
  t.match(await rejectionOf(dog.use('K', () => t.fail('ran'))), { code: 'ERR_DOG_FETCH' })
})
