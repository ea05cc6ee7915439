import type { Test } from 'tap'
import type { Dog, FetchContext, Fetcher, Store } from '../../index.js'
import { rejectionOf } from './errors.js'
import { createDog } from './test-dog.js'
import { deferred, until } from './timing.js'

/**
 * A key whose fetcher needs another key that has no value. The tests run on every store that has
 * leases.
 *
 * @param createPlace makes an empty place; the function that it returns opens one more store on it
 */
export function dependencyTests(t: Test, createPlace: (t: Test) => () => Store): void {
  const setUp = (t: Test) => {
    const open = createPlace(t)
    const process = (): Dog => {
      const dog = createDog({ store: open() })
      t.teardown(() => dog.close())
      return dog
    }
    return { dog: process(), process }
  }
  const dependingOn = (other: string): Fetcher => {
    return async ({ get }) => ({ value: `of ${await get(other)}`, expiresIn: 60 })
  }
  const fetchesOf = async (dog: Dog, key: string) => (await dog.status()).find((status) => status.key === key)?.fetches

  t.test('A key that waited for another key without a value has one as soon as that key is set', async (t) => {
    const { dog, process } = setUp(t)
    const other = process()
    for (const one of [dog, other]) one.init('C', dependingOn('PUSHED'), { quota: { limit: 1 } })
    for (let tries = 0; tries < 6; tries++) {
      for (const one of [dog, other]) {
        const error = await rejectionOf(one.get('C'))
        t.match(error, { code: 'ERR_DOG_FETCH', key: 'C', message: /"PUSHED" has no usable value/ })
        t.equal(error.retryAt, undefined)
      }
    }
    t.equal(await fetchesOf(dog, 'C'), 0, 'none of them counts')
    await dog.set('PUSHED', 'ticket', { expiresIn: 60 })
    t.equal(await other.get('C'), 'of ticket')
    t.equal(await dog.get('C'), 'of ticket')
    t.equal(await fetchesOf(dog, 'C'), 1)
  })

  t.test('A dependant tells the back-off of its dependency, and a set of the dependency ends it for both', async (t) => {
    const { dog, process } = setUp(t)
    const other = process()
    let asked = 0
    const fail = () => {
      asked++
      return Promise.reject(Object.assign(new Error('bad appid'), { retryAfter: 3600 }))
    }
    for (const one of [dog, other]) {
      one.init('TOKEN', fail)
      one.init('TICKET', dependingOn('TOKEN'))
      one.init('SIGNED', dependingOn('TICKET'))
    }
    const { retryAt } = await rejectionOf(dog.get('TOKEN'))
    for (const [one, key] of [
      [dog, 'TICKET'],
      [other, 'SIGNED'],
      [dog, 'SIGNED'],
      [other, 'TICKET'],
    ] as const) {
      const error = await rejectionOf(one.get(key))
      t.match(error, { code: 'ERR_DOG_FETCH', key, retryAt, message: /bad appid/ })
    }
    t.equal(asked, 1, 'nobody asked the upstream of the dependency again')
    await other.set('TOKEN', 'set', { expiresIn: 60 })
    t.equal(await dog.get('SIGNED'), 'of of set')
  })

  t.test('A waiter of another process gets the error of a dependency without a value, and does not hang', async (t) => {
    const { dog, process } = setUp(t)
    const other = process()
    const begun = deferred()
    const hold = deferred()
    dog.init('C', async ({ get }: FetchContext) => {
      begun.resolve()
      await hold.promise
      return { value: await get('PUSHED'), expiresIn: 60 }
    })
    other.init('C', dependingOn('PUSHED'))
    const first = rejectionOf(dog.get('C'))
    await begun.promise
    let isWaiting = false
    other.on('wait', () => {
      isWaiting = true
    })
    const second = rejectionOf(other.get('C'))
    await until(() => isWaiting)
    hold.resolve()
    for (const error of await Promise.all([first, second])) t.match(error, { code: 'ERR_DOG_FETCH', key: 'C' })
  })
}
