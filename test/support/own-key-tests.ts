import type { Test } from 'tap'
import type { Dog, FetchContext, Store } from '../../index.js'
import { rejectionOf } from './errors.js'
import { createDog } from './test-dog.js'
import { deferred, pause, until } from './timing.js'

/**
 * A fetcher that touches its own key, and writes of its process meanwhile. The tests run on every
 * store that has leases. Each fetcher has a time-out that no test waits for.
 *
 * @param createPlace makes an empty place; the function that it returns opens one more store on it
 */
export function ownKeyTests(t: Test, createPlace: (t: Test) => () => Store): void {
  const setUp = (t: Test) => {
    const open = createPlace(t)
    const process = (): Dog => {
      const dog = createDog({ store: open(), timeout: 60 })
      t.teardown(() => dog.close())
      return dog
    }
    return { dog: process(), process }
  }
  const invalidGrant = () => new Error('invalid_grant')

  t.test('A fetcher that removes its own key and fails: its callers get its own error, which is recorded', async (t) => {
    const { dog, process } = setUp(t)
    await dog.set('K', 'old', { expiresIn: 60 })
    dog.init('K', async () => {
      t.equal(await dog.remove('K'), true)
      throw invalidGrant()
    })
    for (const error of await Promise.all([rejectionOf(dog.refresh('K')), rejectionOf(dog.refresh('K'))])) {
      t.match(error, { code: 'ERR_DOG_FETCH', key: 'K', message: /invalid_grant/ })
      t.ok(error.retryAt! > 0)
    }
    t.equal(dog.peek('K'), undefined)
    const other = process()
    other.init('K', () => ({ value: 'other', expiresIn: 60 }))
    t.match(await rejectionOf(other.get('K')), { message: /invalid_grant/ }, 'the failure holds for other processes')
  })

  t.test('A fetcher that sets its own key: its callers get that value, and its answer is discarded', async (t) => {
    const { dog, process } = setUp(t)
    let fetches = 0
    const ended = deferred()
    dog.init('K', async () => {
      fetches++
      await dog.set('K', 'first', { expiresIn: 60 })
      await dog.set('K', 'second', { expiresIn: 60 })
      setTimeout(ended.resolve, 50)
      return { value: 'answer', expiresIn: 60 }
    })
    t.match(await dog.get('K'), /^(first|second)$/)
    await ended.promise
    t.equal(await dog.get('K'), 'second')
    t.equal(await process().get('K'), 'second')
    t.equal(fetches, 1)
    t.equal(await dog.refresh('K').then(() => fetches), 2, 'the lease is free again')
  })

  t.test('A set in the synchronous part of a fetcher supersedes the fetch', async (t) => {
    const { dog } = setUp(t)
    let set: Promise<void> | undefined
    dog.init('K', async () => {
      set ??= dog.set('K', 'set', { expiresIn: 60 })
      await set
      throw invalidGrant()
    })
    t.equal(await dog.get('K'), 'set')
    t.equal((await dog.status())[0]!.failure, undefined)
  })

  t.test('A set during a fetch is given to the waiting callers at once, in this process and in another', async (t) => {
    const { dog, process } = setUp(t)
    const other = process()
    const begun = deferred()
    const hold = deferred()
    t.teardown(hold.resolve)
    let others = 0
    dog.init('K', async () => {
      begun.resolve()
      await hold.promise
      return { value: 'fetched', expiresIn: 60 }
    })
    other.init('K', () => ({ value: `other ${++others}`, expiresIn: 60 }))
    const gets = [dog.get('K'), dog.refresh('K')]
    await begun.promise
    let isWaiting = false
    other.on('wait', () => {
      isWaiting = true
    })
    gets.push(other.get('K'))
    await until(() => isWaiting)
    await dog.set('K', 'set', { expiresIn: 60 })
    t.same(await Promise.all(gets), ['set', 'set', 'set'])
    const refreshed = other.refresh('K')
    await pause(300)
    t.equal(others, 0, 'no fetch begins beside the fetcher that still runs')
    hold.resolve()
    t.equal(await refreshed, 'other 1')
    await pause(100)
    t.equal(await dog.refresh('K').catch(() => {}), 'fetched')
  })

  t.test('What a fetch answers after a remove is discarded, and the next fetch begins when it has ended', async (t) => {
    const { dog, process } = setUp(t)
    const other = process()
    const begun = deferred()
    const hold = deferred()
    let running = 0
    let most = 0
    let fetches = 0
    const fetcher = async () => {
      most = Math.max(most, ++running)
      const value = `v${++fetches}`
      begun.resolve()
      await hold.promise
      running--
      return { value, expiresIn: 60 }
    }
    for (const one of [dog, other]) one.init('K', fetcher)
    const get = dog.get('K')
    await begun.promise
    const otherGet = other.get('K')
    await pause(100)
    t.equal(await dog.remove('K'), false)
    await pause(300)
    t.equal(fetches, 1, 'the lease is kept')
    hold.resolve()
    t.same(await Promise.all([get, otherGet]), ['v2', 'v2'])
    t.equal(most, 1)
  })

  t.test('A fetcher that always removes its own key fails with an error that says so', async (t) => {
    const { dog } = setUp(t)
    let fetches = 0
    dog.init('K', async () => {
      fetches++
      await dog.remove('K')
      return { value: 'v', expiresIn: 60 }
    })
    t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_FETCH', message: /does the fetcher remove its own key/ })
    t.equal(fetches, 3)
    await rejectionOf(dog.get('K'))
    t.equal(fetches, 3, 'the failure is recorded')
  })

  const asks: Record<string, (dog: Dog, context: FetchContext) => unknown> = {
    get: (dog) => dog.get('K'),
    read: (dog) => dog.read('K'),
    refresh: (dog) => dog.refresh('K'),
    'refresh of a rejected value': (dog) => dog.refresh('K', { rejected: 'dead' }),
    use: (dog) => dog.use('K', () => {}),
    'context.get': (_dog, context) => context.get('K'),
  }
  for (const [how, ask] of Object.entries(asks)) {
    t.test(`A fetcher that asks for its own key in its synchronous part gets ERR_DOG_CYCLE at once: ${how}`, async (t) => {
      const { dog } = setUp(t)
      let seen: unknown
      dog.init('K', async (context: FetchContext) => {
        const error = await rejectionOf(ask(dog, context) as Promise<unknown>)
        seen = error.code
        throw invalidGrant()
      })
      t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_FETCH', message: /invalid_grant/ })
      t.equal(seen, 'ERR_DOG_CYCLE')
    })

    t.test(`A fetcher that asks for its own key after an await ends, and is told of it: ${how}`, async (t) => {
      const { dog } = setUp(t)
      dog.init(
        'K',
        async (context: FetchContext) => {
          await pause(20)
          await ask(dog, context)
          return { value: 'v', expiresIn: 60 }
        },
        { timeout: 0.5 },
      )
      const { message } = await rejectionOf(dog.get('K'))
      t.match(message, how === 'context.get' ? /waits for itself/ : /does it wait for its own key/)
    })
  }
}
