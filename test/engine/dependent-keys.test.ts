// Keys whose fetchers need the values of other keys.
import t from 'tap'
import type { FetchContext, Fetcher } from '../../index.js'
import { rejectionOf } from '../support/errors.js'
import { countingFetcher, createTestDog, storeRecord } from '../support/test-dog.js'
import { deferred, pause, until } from '../support/timing.js'

const ticketFetcher: Fetcher = async ({ get }) => ({ value: `ticket of ${await get('TOKEN')}`, expiresIn: 60 })

t.test('A fetcher gets the value of another key, with one fetch of each', async (t) => {
  const { dog, another } = createTestDog(t)
  const token = countingFetcher({ expiresIn: 60 }, 20)
  const dogs = [dog, another()]
  for (const one of dogs) {
    one.init('TOKEN', token)
    one.init('TICKET', ticketFetcher)
  }
  const gets = dogs.flatMap((one) => [one.get('TICKET'), one.get('TICKET'), one.get('TOKEN')])
  t.same(
    await Promise.all(gets),
    dogs.flatMap(() => ['ticket of v1', 'ticket of v1', 'v1']),
  )
  t.equal(token.calls.count, 1)
})

t.test('Waiting for another key does not count against the own time-out', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('TOKEN', countingFetcher({ expiresIn: 60 }, 700))
  dog.init('TICKET', ticketFetcher, { timeout: 0.3 })
  t.equal(await dog.get('TICKET'), 'ticket of v1')
})

t.test('The time that a fetcher spends before and after waiting for another key counts', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('TOKEN', countingFetcher({ expiresIn: 60 }, 200))
  const slow: Fetcher = async ({ get }) => {
    await pause(200)
    const token = await get('TOKEN')
    await pause(400)
    return { value: `ticket of ${token}`, expiresIn: 60 }
  }
  dog.init('TICKET', slow, { timeout: 0.5 })
  t.match(await rejectionOf(dog.get('TICKET')), { code: 'ERR_DOG_FETCH_TIMEOUT', key: 'TICKET' })
})

t.test('Two concurrent waits for other keys suspend the time-out until both are over', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('A', countingFetcher({ expiresIn: 60 }, 100))
  dog.init('B', countingFetcher({ expiresIn: 60 }, 700))
  const both: Fetcher = async ({ get }) => ({ value: (await Promise.all([get('A'), get('B')])).join(), expiresIn: 60 })
  dog.init('K', both, { timeout: 0.3 })
  t.equal(await dog.get('K'), 'v1,v1')
})

t.test('A holder that waits for another key is not treated as overdue', async (t) => {
  const { dog, another, store } = createTestDog(t)
  let calls = 0
  const counted: Fetcher = (context) => {
    calls++
    return ticketFetcher(context)
  }
  const dogs = [dog, another()]
  for (const one of dogs) {
    // Takes longer than the time-out of the ticket and the extra time before a holder counts as
    // overdue.
    one.init('TOKEN', countingFetcher({ expiresIn: 60 }, 2600))
    one.init('TICKET', counted, { timeout: 0.2 })
    // The callers may give up earlier, as a get ends within twice its own time-out and 2 s.
    one.get('TICKET').catch((error) => t.match(error, { code: 'ERR_DOG_WAIT_TIMEOUT', key: 'TICKET' }))
  }
  await until(() => store.read('TICKET'))
  t.equal(await dogs[1]!.get('TICKET'), 'ticket of v1')
  t.equal(calls, 1)
})

t.test('The time-out of a dependency applies to the dependency alone', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('TOKEN', () => {}, { timeout: 0.1 })
  dog.init('TICKET', ticketFetcher)
  t.match(await rejectionOf(dog.get('TICKET')), { key: 'TICKET', message: /"TOKEN" gave no answer/ })
})

t.test('While a dependency backs off, its dependants back off as long', async (t) => {
  const { dog } = createTestDog(t)
  let calls = 0
  dog.init('TOKEN', () => {
    calls++
    return Promise.reject(Object.assign(new Error('bad appid'), { retryAfter: 3600 }))
  })
  dog.init('TICKET', ticketFetcher)
  const before = Date.now()
  const error = await rejectionOf(dog.get('TICKET'))
  t.match(error, { code: 'ERR_DOG_FETCH', key: 'TICKET', message: /"TICKET" failed:.*"TOKEN" failed: bad appid/ })
  t.ok(error.retryAt! > before + 3500_000 && error.retryAt! <= Date.now() + 3600_000)
  t.match(await rejectionOf(dog.get('TICKET')), { message: error.message, retryAt: error.retryAt })
  t.equal(calls, 1)
})

t.test('context.use replaces a token that the upstream rejects, and runs the task once more', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'TOKEN', 'dead', -100, 7000)
  const token = countingFetcher({ expiresIn: 60 }, 50)
  dog.init('TOKEN', token, { isRejected: (error) => (error as { errcode?: number }).errcode === 40001 })
  const seen: string[] = []
  const ticket: Fetcher = async ({ use }) => {
    const value = await use<string, string>('TOKEN', async (token) => {
      seen.push(token)
      if (token === 'dead') throw Object.assign(new Error('rejected'), { errcode: 40001 })
      return `ticket of ${token}`
    })
    return { value, expiresIn: 60 }
  }
  dog.init('TICKET', ticket)
  t.equal(await dog.get('TICKET'), 'ticket of v1')
  t.same(seen, ['dead', 'v1'])
  t.equal(token.calls.count, 1)
})

t.test('Only context.use retries a dependent fetch', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'TOKEN', 'dead', -100, 7000)
  const token = countingFetcher()
  dog.init('TOKEN', token, { isRejected: () => true })
  let calls = 0
  dog.init('TICKET', async ({ get }) => {
    calls++
    throw new Error(`rejected ${await get('TOKEN')}`)
  })
  t.match(await rejectionOf(dog.get('TICKET')), { code: 'ERR_DOG_FETCH' })
  t.match(await rejectionOf(dog.use('TICKET', () => {})), { code: 'ERR_DOG_FETCH' })
  t.equal(calls, 1)
  t.equal(token.calls.count, 0)
})

t.test('A fetcher may depend on a key that has no fetcher in this process', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'TOKEN', 'theirs', -100, 7000)
  dog.init('TICKET', ticketFetcher)
  t.equal(await dog.get('TICKET'), 'ticket of theirs')
  await dog.remove('TOKEN')
  t.match(await rejectionOf(dog.refresh('TICKET')), { code: 'ERR_DOG_FETCH', message: /"TOKEN".*no fetcher/ })
})

const dependingOn =
  (other: string): Fetcher =>
  async ({ get }) => ({ value: `${other}: ${await get(other)}`, expiresIn: 60 })

t.test('A key that waits for itself fails at once with ERR_DOG_CYCLE, and no failure is recorded', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('SELF', dependingOn('SELF'))
  t.match(await rejectionOf(dog.get('SELF')), { code: 'ERR_DOG_CYCLE', message: /"SELF" → "SELF"/ })
  t.equal((await dog.status())[0]!.failure, undefined)
})

t.test('Keys that wait for each other fail with an error that names the cycle', async (t) => {
  const { dog } = createTestDog(t)
  const ring = { A: 'B', B: 'C', C: 'A' }
  for (const [key, other] of Object.entries(ring)) dog.init(key, dependingOn(other))
  const error = await rejectionOf(dog.get('A'))
  t.match(error, { code: 'ERR_DOG_CYCLE', message: /"C" → "A" → "B" → "C"/ })
  for (const { failure } of await dog.status()) t.equal(failure, undefined)
})

t.test('A cycle is found even if a fetcher calls get synchronously', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('SELF', () => dog.get('SELF').then((value) => ({ value, expiresIn: 60 })))
  dog.init(
    'A',
    (handler) => {
      dog.get<string>('B').then(
        (value) => handler(value, 60),
        () => {},
      )
    },
    { timeout: 0.3 },
  )
  const inner = deferred<Error>()
  dog.init('B', async () => {
    const asked = dog.get<string>('A')
    asked.catch((error) => inner.resolve(error))
    return { value: await asked, expiresIn: 60 }
  })
  t.match(await rejectionOf(dog.get('SELF')), { code: 'ERR_DOG_CYCLE' })
  const outer = rejectionOf(dog.get('A'))
  t.match(await inner.promise, { code: 'ERR_DOG_CYCLE', message: /"B" → "A" → "B"/ })
  t.ok((await outer) instanceof Error)
})

t.test('A key with a valid value waits for no other key and so is part of no cycle', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'A', 'a', -100, 7000)
  dog.init('A', dependingOn('B'))
  dog.init('B', dependingOn('A'))
  t.equal(await dog.get('B'), 'A: a')
  await until(() => dog.peek('B') !== undefined)
  t.equal(await dog.refresh('A'), 'B: A: a')
})

t.test('Three keys that depend on the same key are no cycle', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('TOKEN', countingFetcher({ expiresIn: 60 }, 30))
  for (const key of ['X', 'Y', 'Z']) dog.init(key, dependingOn('TOKEN'))
  t.same(await Promise.all(['X', 'Y', 'Z'].map((key) => dog.get(key))), Array(3).fill('TOKEN: v1'))
})

/**
 * The refresh of a rejected dependency is a wait for another key. It once was not counted as one:
 * it used up the time-out of the dependant, and was missing in the search for cycles.
 */

const rejected = () => Object.assign(new Error('40001'), { code: 'ERR_DOG_REJECTED' })

t.test(
  'The refresh of a rejected dependency counts against the time-out of the dependency, not of its dependant',
  async (t) => {
    const { dog } = createTestDog(t)
    let tokens = 0
    dog.init(
      'TOKEN',
      async () => {
        if (++tokens > 1) await pause(900)
        return { value: `t${tokens}`, expiresIn: 3600 }
      },
      { timeout: 20 },
    )
    const sign = (token: string) => {
      if (token === 't1') throw rejected()
      return `ticket of ${token}`
    }
    dog.init('TICKET', async (context) => ({ value: await context.use('TOKEN', sign), expiresIn: 3600 }), { timeout: 0.6 })
    t.equal(await dog.get('TOKEN'), 't1')
    t.equal(await dog.get('TICKET'), 'ticket of t2')
    t.equal(tokens, 2)
  },
)

t.test('A cycle that closes in the refresh after a rejection ends in ERR_DOG_CYCLE, not in a time-out', async (t) => {
  const { dog } = createTestDog(t, { timeout: 5 })
  let inner = 0
  dog.init('B', async (context: FetchContext) => {
    if (++inner > 1) await context.get('A')
    return { value: `b${inner}`, expiresIn: 3600 }
  })
  const task = (b: string) => {
    if (b === 'b1') throw rejected()
    return `a of ${b}`
  }
  dog.init('A', async (context) => ({ value: await context.use('B', task), expiresIn: 3600 }))
  t.equal(await dog.get('B'), 'b1')
  t.match(await rejectionOf(dog.get('A')), { code: 'ERR_DOG_CYCLE' })
})
