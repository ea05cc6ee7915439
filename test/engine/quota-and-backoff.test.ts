// The quota, and the back-off after a failure, both of which apply to all processes.
import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { countingFetcher, createTestDog, DogError, storeRecord } from '../support/test-dog.js'
import { deferred, pause, until } from '../support/timing.js'

t.test('A quota counts the fetches of all processes, before each fetch', async (t) => {
  const { dog, another } = createTestDog(t, { quota: { limit: 2, window: 3600 } })
  const fetcher = countingFetcher({ expiresIn: 60 })
  const other = another()
  for (const one of [dog, other]) one.init('K', fetcher)
  const before = Date.now()
  await dog.refresh('K')
  await other.refresh('K')
  for (const one of [dog, other]) {
    const error = await rejectionOf(one.refresh('K'))
    t.match(error, { code: 'ERR_DOG_QUOTA', key: 'K', message: /2 times in 3600 s/ })
    t.ok(error.retryAt! >= before + 3600_000 && error.retryAt! <= Date.now() + 3600_000)
  }
  t.match(await rejectionOf(dog.refresh('K', { force: true })), { code: 'ERR_DOG_QUOTA' }, 'the quota applies to force, too')
  t.equal(await dog.get('K'), 'v2', 'a valid value is still served')
  t.equal(fetcher.calls.count, 2)
  t.match(await other.status(), [{ fetches: 2, quota: 2 }])
})

t.test('A quota counts failed attempts, too', async (t) => {
  const { dog } = createTestDog(t, { quota: { limit: 1 } })
  dog.init('K', () => Promise.reject(new Error('down')))
  t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_FETCH' })
  t.match(await rejectionOf(dog.refresh('K', { force: true })), { code: 'ERR_DOG_QUOTA' })
})

t.test('A new quota window allows new fetches', async (t) => {
  const { dog } = createTestDog(t, { quota: { limit: 1, window: 0.3 } })
  const fetcher = countingFetcher({ expiresIn: 0 })
  dog.init('K', fetcher)
  t.equal(await dog.get('K'), 'v1')
  const { retryAt } = await rejectionOf(dog.get('K'))
  t.ok(retryAt! <= Date.now() + 300)
  await until(() => Date.now() >= retryAt!)
  t.equal(await dog.get('K'), 'v2')
})

t.test('A set does not count against the quota', async (t) => {
  const { dog } = createTestDog(t, { quota: { limit: 1 } })
  for (let i = 0; i < 3; i++) await dog.set('K', 'x', { expiresIn: 60 })
  t.match(await dog.status(), [{ fetches: 0 }])
})

t.test('A recorded failure applies to every process until its retryAt; then one process tries again', async (t) => {
  const { dog, another } = createTestDog(t)
  let calls = 0
  const fetcher = () => {
    if (++calls === 1) throw new Error('down')
    return { value: 'v', expiresIn: 60 }
  }
  const other = another()
  for (const one of [dog, other]) one.init('K', fetcher)
  const first = await rejectionOf(dog.get('K'))
  t.ok(first.retryAt! > Date.now() - 1000)
  const later = [await rejectionOf(dog.get('K')), await rejectionOf(other.get('K')), await rejectionOf(dog.refresh('K'))]
  for (const error of later) t.match(error, { code: 'ERR_DOG_FETCH', key: 'K', retryAt: first.retryAt, message: first.message })
  t.equal(calls, 1)
  await until(() => Date.now() >= first.retryAt!)
  t.same(await Promise.all([dog.get('K'), other.get('K'), dog.get('K')]), ['v', 'v', 'v'])
  t.equal(calls, 2)
  t.equal((await dog.status())[0]!.failure, undefined)
})

t.test('Each caller gets an error object of its own', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('K', () => Promise.reject(new Error('down')))
  await rejectionOf(dog.get('K'))
  t.not(await rejectionOf(dog.get('K')), await rejectionOf(dog.get('K')))
})

t.test('A process that waited for a failed fetch of another gets that failure and makes no fetch', async (t) => {
  const { dog, another } = createTestDog(t)
  let calls = 0
  const fetcher = async () => {
    calls++
    await until(() => waits === 2)
    throw new Error('down')
  }
  let waits = 0
  const others = [another(), another()]
  for (const one of [dog, ...others]) {
    one.init('K', fetcher)
    one.on('wait', () => waits++)
  }
  const errors = await Promise.all([dog, ...others].map((one) => rejectionOf(one.get('K'))))
  for (const error of errors) t.match(error, { code: 'ERR_DOG_FETCH', message: /down/ })
  t.equal(calls, 1)
})

t.test('retryAfter, in seconds, sets how long no process asks the upstream', async (t) => {
  const table: [unknown, number, number][] = [
    [3600, 3600, 3600],
    [0.5, 0.5, 0.5],
    [1e9, 7 * 86_400, 7 * 86_400],
    [-1, 0.5, 1],
    ['3600', 0.5, 1],
    [Number.NaN, 0.5, 1],
  ]
  for (const [retryAfter, least, most] of table) {
    const { dog } = createTestDog(t)
    dog.init('K', () => Promise.reject(Object.assign(new Error('busy'), { retryAfter })))
    const before = Date.now()
    const { retryAt } = await rejectionOf(dog.get('K'))
    t.ok(retryAt! >= before + least * 1000 && retryAt! <= Date.now() + most * 1000 + 1, `${retryAfter}: ${retryAt! - before}`)
  }
})

t.test('Time-outs and unusable answers are recorded as failures', async (t) => {
  const { dog } = createTestDog(t, { timeout: 0.05 })
  dog.init('SLOW', () => {})
  dog.init('WRONG', () => ({ value: 'v' }))
  for (const [key, code] of [
    ['SLOW', 'ERR_DOG_FETCH_TIMEOUT'],
    ['WRONG', 'ERR_DOG_FETCH_RESULT'],
  ] as const) {
    const { retryAt } = await rejectionOf(dog.get(key))
    t.match(await rejectionOf(dog.get(key)), { code, retryAt })
  }
})

t.test('The back-off grows with each failure in a row', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('K', () => Promise.reject(new Error('down')))
  const waits: number[] = []
  for (let i = 0; i < 4; i++) {
    const before = Date.now()
    waits.push((await rejectionOf(dog.refresh('K', { force: true }))).retryAt! - before)
  }
  t.match(await dog.status(), [{ failure: { count: 4 } }])
  // Each wait is between a half and the whole of 1, 2, 4 and 8 seconds.
  for (const [i, wait] of waits.entries()) t.ok(wait >= 500 * 2 ** i, `${waits}`)
})

t.test('An expired value is not served because of a failure', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'old', -100, -1)
  dog.init('K', () => Promise.reject(new Error('down')))
  for (let i = 0; i < 2; i++) t.ok((await rejectionOf(dog.get('K'))) instanceof DogError)
})

const aborted = async () => {
  throw new DOMException('This operation was aborted', 'AbortError')
}

t.test('A single fetch that its own process aborted records no failure, and a waiter fetches at once', async (t) => {
  const { dog, another } = createTestDog(t)
  const asked = deferred()
  const end = deferred()
  dog.init('K', async () => {
    asked.resolve()
    await end.promise
    return await aborted()
  })
  const waiter = another()
  const fetcher = countingFetcher()
  waiter.init('K', fetcher)
  const first = rejectionOf(dog.get('K'))
  await asked.promise
  const second = waiter.get('K')
  await pause(50)
  end.resolve()
  const error = await first
  t.match(error, { code: 'ERR_DOG_FETCH', retryAt: undefined })
  t.equal(await second, 'v1')
  t.equal((await dog.status())[0]?.failure, undefined)
})

t.test('Two aborted fetches in a row count as an upstream that hangs, and all processes back off', async (t) => {
  const { dog, another } = createTestDog(t)
  let calls = 0
  const fetcher = async () => {
    calls++
    await pause(20)
    return await aborted()
  }
  const dogs = [dog, another(), another(), another(), another(), another()]
  for (const one of dogs) one.init('K', fetcher as never)
  const errors = await Promise.all(dogs.map((one) => rejectionOf(one.get('K'))))
  t.equal(calls, 2)
  t.equal(errors.filter(({ retryAt }) => retryAt !== undefined).length, 5)
  t.equal((await rejectionOf(dog.get('K'))).code, 'ERR_DOG_FETCH')
  t.equal(calls, 2)
})

t.test('An abort by a controller of the fetcher itself is not recorded as a failure', async (t) => {
  const { dog } = createTestDog(t)
  let fetches = 0
  dog.init('K', async () => {
    if (++fetches > 1) return { value: 'v', expiresIn: 3600 }
    const own = new AbortController()
    own.abort()
    throw own.signal.reason
  })
  const error = await rejectionOf(dog.get('K'))
  t.equal(error.code, 'ERR_DOG_FETCH')
  t.equal(error.retryAt, undefined)
  t.equal((await dog.status())[0]?.failure, undefined)
  t.equal(await dog.get('K'), 'v', 'the next caller may try at once')
})
