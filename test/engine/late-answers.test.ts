import t from 'tap'
import type { DogEvents } from '../../index.js'
import { rejectionOf } from '../support/errors.js'
import { createTestDog, heldFetcher, nextEvent } from '../support/test-dog.js'
import { deferred, pause } from '../support/timing.js'

t.test('An answer after the time-out is stored, as the upstream may have rotated its token', async (t) => {
  const { dog, another } = createTestDog(t)
  const hold = heldFetcher()
  dog.init('K', hold.fetcher, { timeout: 0.1 })
  t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_FETCH_TIMEOUT' })
  const refreshed = nextEvent(dog, 'refresh')
  hold.release()
  t.match(await refreshed, { key: 'K', late: true })
  t.equal(await dog.get('K'), 'late')
  t.equal(await another().get('K'), 'late')
  t.equal(hold.calls, 1)
})

t.test('A handler call after the time-out is stored, with its lifetime counted from the start of the fetch', async (t) => {
  const { dog } = createTestDog(t)
  const called = deferred<(value: string, expiresIn: number) => void>()
  const begun = Date.now()
  dog.init('K', (handler) => called.resolve(handler), { timeout: 0.1 })
  await rejectionOf(dog.get('K'))
  await pause(100)
  const refreshed = nextEvent(dog, 'refresh')
  const handler = await called.promise
  const answered = Date.now()
  handler('late', 60)
  await refreshed
  const { value, expiresAt } = dog.peek('K')!
  t.equal(value, 'late')
  t.ok(expiresAt <= answered + 60_000 - 150 && expiresAt >= begun + 60_000 - 5)
})

t.test('A late answer never replaces the value of a later fetch', async (t) => {
  const { dog, store } = createTestDog(t)
  const hold = deferred()
  let calls = 0
  dog.init(
    'K',
    async () => {
      const value = `v${++calls}`
      if (calls === 1) await hold.promise
      return { value, expiresIn: 60 }
    },
    { timeout: 0.1 },
  )
  await rejectionOf(dog.get('K'))
  t.equal(await dog.refresh('K', { force: true }), 'v2')
  const refreshes: DogEvents['refresh'][] = []
  dog.on('refresh', (refresh) => refreshes.push(refresh))
  hold.resolve()
  await pause(100)
  t.same(refreshes, [])
  t.equal((await store.read('K'))?.value, 'v2')
  t.equal(await dog.get('K'), 'v2')
})

t.test('A late answer waits for the current fetch, and does not replace its value', async (t) => {
  const { dog, store, another } = createTestDog(t, { timeout: 0.3 })
  const hold = deferred()
  dog.init('K', async () => {
    await hold.promise
    return { value: 'late', expiresIn: 60 }
  })
  await rejectionOf(dog.get('K'))
  const other = another({ timeout: 30 })
  const slow = deferred()
  const begun = deferred()
  other.init('K', async () => {
    begun.resolve()
    await slow.promise
    return { value: 'newer', expiresIn: 60 }
  })
  const got = other.refresh('K', { force: true })
  await begun.promise
  hold.resolve()
  await pause(50)
  t.equal(await store.read('K'), undefined, 'the lease belongs to the other fetch')
  slow.resolve()
  t.equal(await got, 'newer')
  await pause(50)
  t.equal((await store.read('K'))?.value, 'newer')
  t.equal(await dog.get('K'), 'newer')
})

t.test('A fetcher that fails after its time-out causes no warning', async (t) => {
  const { dog, warnings } = createTestDog(t)
  const hold = deferred()
  dog.init('K', () => hold.promise as never, { timeout: 0.05 })
  t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_FETCH_TIMEOUT' })
  hold.reject(new Error('much later'))
  await pause(20)
  t.same(warnings, [])
})
