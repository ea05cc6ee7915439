import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { countingFetcher, createTestDog, storeRecord } from '../support/test-dog.js'
import { deferred, pause, until } from '../support/timing.js'

t.test('refresh replaces a fresh value, and concurrent refreshes share one fetch', async (t) => {
  const { dog } = createTestDog(t)
  const fetcher = countingFetcher()
  dog.init('K', fetcher)
  t.equal(await dog.get('K'), 'v1')
  t.same(await Promise.all([dog.refresh('K'), dog.refresh('K'), dog.refresh('K')]), ['v2', 'v2', 'v2'])
  t.equal(await dog.get('K'), 'v2')
  t.equal(fetcher.calls.count, 2)
})

for (const elsewhere of [false, true]) {
  const who = elsewhere ? 'another dog' : 'the same dog'
  t.test(`A plain refresh does not join a fetch that began before it in ${who}`, async (t) => {
    const { dog, another } = createTestDog(t)
    const begun = deferred()
    const hold = deferred()
    let calls = 0
    const fetcher = async () => {
      const value = `v${++calls}`
      begun.resolve()
      if (calls === 1) await hold.promise
      return { value, expiresIn: 60 }
    }
    const first = elsewhere ? another() : dog
    for (const one of new Set([dog, first])) one.init('K', fetcher)
    const got = first.get('K')
    await begun.promise
    const refreshed = dog.refresh('K')
    await pause(30)
    t.equal(calls, 1, 'the second fetch waits for the first')
    hold.resolve()
    t.equal(await got, 'v1')
    t.equal(await refreshed, 'v2')
    t.equal(calls, 2)
  })
}

t.test('refresh with rejected replaces the value only if it is still the rejected one', async (t) => {
  const { dog } = createTestDog(t)
  const fetcher = countingFetcher()
  dog.init('K', fetcher)
  await dog.get('K')
  t.equal(await dog.refresh('K', { rejected: 'another' }), 'v1')
  t.equal(fetcher.calls.count, 1)
  t.equal(await dog.refresh('K', { rejected: 'v1' }), 'v2')
  t.equal(await dog.refresh('K', { rejected: 'v1' }), 'v2')
  t.equal(fetcher.calls.count, 2)
})

t.test('refresh compares the rejected value as JSON', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', { token: 'old', scopes: [1] }, -100, 7000)
  dog.init('K', async () => ({ value: { token: 'new' }, expiresIn: 60 }))
  t.same(await dog.refresh('K', { rejected: { token: 'old', scopes: [1, 2] } as never }), { token: 'old', scopes: [1] })
  t.same(await dog.refresh('K', { rejected: { token: 'old', scopes: [1] } as never }), { token: 'new' })
})

t.test('A hundred reports of one dead value in three dogs cause one fetch', async (t) => {
  const { dog, another, store } = createTestDog(t)
  await storeRecord(store, 'K', 'dead', -100, 7000)
  const fetcher = countingFetcher({ expiresIn: 7200 }, 20)
  const dogs = [dog, another(), another()]
  for (const one of dogs) one.init('K', fetcher)
  const reports = Array.from({ length: 100 }, (_, i) => dogs[i % 3]!.refresh('K', { rejected: 'dead' }))
  t.same(await Promise.all(reports), Array(100).fill('v1'))
  t.equal(fetcher.calls.count, 1)
})

t.test('refresh with rejected reads the store before it fetches, and does not trust memory', async (t) => {
  const { dog, another } = createTestDog(t)
  const fetcher = countingFetcher()
  dog.init('K', fetcher)
  await dog.get('K')
  await another().set('K', 'set elsewhere', { expiresIn: 7200 })
  t.equal(await dog.refresh('K', { rejected: 'v1' }), 'set elsewhere')
  t.equal(fetcher.calls.count, 1)
})

t.test('A report of a rejected value joins a running fetch, and then compares its value', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'dead', -100, 7000)
  const begun = deferred()
  const hold = deferred()
  let calls = 0
  dog.init('K', async () => {
    calls++
    begun.resolve()
    await hold.promise
    return { value: `v${calls}`, expiresIn: 60 }
  })
  const first = dog.refresh('K')
  await begun.promise
  const report = dog.refresh('K', { rejected: 'dead' })
  hold.resolve()
  t.same(await Promise.all([first, report]), ['v1', 'v1'])
  t.equal(calls, 1)
})

t.test('When the upstream returns the rejected value again, a failure is recorded and no loop starts', async (t) => {
  const { dog, another, store } = createTestDog(t)
  await storeRecord(store, 'K', 'same', -100, 7000)
  let calls = 0
  const fetcher = () => {
    calls++
    return { value: 'same', expiresIn: 7200 }
  }
  dog.init('K', fetcher)
  const error = await rejectionOf(dog.refresh('K', { rejected: 'same' }))
  t.match(error, { code: 'ERR_DOG_REJECTED', key: 'K' })
  const other = another()
  other.init('K', fetcher)
  const again = [
    await rejectionOf(dog.refresh('K', { rejected: 'same' })),
    await rejectionOf(other.refresh('K', { rejected: 'same' })),
  ]
  for (const one of again) t.match(one, { code: 'ERR_DOG_REJECTED', key: 'K' })
  for (const one of again) t.ok(one.retryAt! > Date.now() - 1000)
  t.equal(calls, 1)
  t.equal(await dog.get('K'), 'same', 'no other value exists')
  t.match(await dog.status(), [{ failure: { code: 'ERR_DOG_REJECTED', count: 1 } }])
})

t.test('A rejected value that is young starts the back-off, unless it is replaced with force', async (t) => {
  const { dog } = createTestDog(t)
  let calls = 0
  dog.init('K', () => ({ value: `v${++calls}`, expiresIn: 7200 }))
  await dog.get('K')
  for (const rejected of ['v1', 'v2', 'v3']) await dog.refresh('K', { rejected: rejected, force: true })
  t.same([calls, (await dog.status())[0]?.failure], [4, undefined])
  t.equal(await dog.refresh('K', { rejected: 'v4' }), 'v5')
  t.match(await dog.status(), [{ failure: { code: 'ERR_DOG_REJECTED', count: 1 } }])
  t.match(await rejectionOf(dog.refresh('K', { rejected: 'v5' })), { code: 'ERR_DOG_REJECTED' })
  t.equal(calls, 5)
})

t.test('The error for a value that the upstream repeated has a retryAt', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'same', -100, 7000)
  dog.init('K', () => ({ value: 'same', expiresIn: 7200 }))
  const before = Date.now()
  const { retryAt } = await rejectionOf(dog.refresh('K', { rejected: 'same' }))
  t.ok(retryAt! > before, `retryAt ${retryAt}`)
})

t.test('A value that is rejected soon after its fetch counts as a failure, and the next fetch waits', async (t) => {
  const { dog } = createTestDog(t)
  const fetcher = countingFetcher()
  dog.init('K', fetcher)
  await dog.get('K')
  t.equal(await dog.refresh('K', { rejected: 'v1' }), 'v2', 'the first report gets its new value')
  const error = await rejectionOf(dog.refresh('K', { rejected: 'v2' }))
  t.match(error, { code: 'ERR_DOG_REJECTED', key: 'K' })
  t.ok(error.retryAt! > Date.now() - 1000)
  t.equal(fetcher.calls.count, 2)
  t.equal(await dog.get('K'), 'v2')
  await until(() => Date.now() >= error.retryAt!)
  t.equal(await dog.refresh('K', { rejected: 'v2' }), 'v3', 'one fetch when the back-off is over')
})

t.test('A value that is rejected long after its fetch does not count as a failure', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'old', -61, 7000)
  dog.init('K', countingFetcher())
  t.equal(await dog.refresh('K', { rejected: 'old' }), 'v1')
  t.equal((await dog.status())[0]!.failure, undefined)
})

t.test('refresh with force fetches despite a recorded failure', async (t) => {
  const { dog } = createTestDog(t)
  let calls = 0
  dog.init('K', () => {
    if (++calls === 1) throw new Error('down')
    return { value: 'v', expiresIn: 60 }
  })
  await rejectionOf(dog.get('K'))
  t.match(await rejectionOf(dog.refresh('K')), { code: 'ERR_DOG_FETCH' })
  t.equal(calls, 1)
  t.equal(await dog.refresh('K', { force: true }), 'v')
  t.equal(calls, 2)
  t.equal((await dog.status())[0]!.failure, undefined, 'a success ends the failure')
})

t.test('A failed refresh keeps the stored value', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'stored', -100, 7000)
  dog.init('K', () => Promise.reject(new Error('down')))
  t.match(await rejectionOf(dog.refresh('K')), { code: 'ERR_DOG_FETCH' })
  t.equal(await dog.get('K'), 'stored')
})
