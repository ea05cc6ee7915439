import { inspect } from 'node:util'
import t from 'tap'
import type { Dog } from '../../index.js'
import { fixture, start } from '../support/children.js'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog, createTestDog, fileStore, memoryStore } from '../support/test-dog.js'

const details = { errcode: 40164, ip: '203.0.113.9', hintZh: '加入白名单' }
const refusal = (fields: object = {}) => Object.assign(new Error('refused'), { retryAfter: 60, details, ...fields })

for (const kind of ['memory', 'file']) {
  t.test(`Every caller in every process gets the details of a failure (${kind} store)`, async (t) => {
    const dir = temporaryFolder(t)
    const shared = memoryStore()
    const open = () => (kind === 'file' ? fileStore({ dir }) : shared)
    const { dog } = createTestDog(t, { store: open() })
    const other = createDog({ store: open() })
    t.teardown(() => other.close())
    for (const one of [dog, other]) one.init('K', () => Promise.reject(refusal()))
    t.strictSame((await rejectionOf(dog.get('K'))).details, details, 'the caller that fetched')
    const again = await rejectionOf(dog.get('K'))
    t.strictSame(again.details, details, 'a later caller')
    t.strictSame((await rejectionOf(other.get('K'))).details, details, 'another process')
    t.match(await other.status(), [{ key: 'K', failure: { code: 'ERR_DOG_FETCH', details } }])
    ;(again.details as Record<string, unknown>).errcode = 1
    t.strictSame((await rejectionOf(dog.get('K'))).details, details, 'an error has a copy')
  })
}

t.test('A process that did not fetch gets the details of a failure, from a file', async (t) => {
  const dir = temporaryFolder(t)
  const env = { DIR: dir }
  const first = (await start(fixture('refused.cjs'), env).answered) as unknown as Record<string, unknown>
  t.match(first, { fetches: 1, code: 'ERR_DOG_FETCH', details: { errcode: 40164, hintZh: '加入白名单' } })
  const second = (await start(fixture('refused.cjs'), env).answered) as unknown as Record<string, unknown>
  t.strictSame({ ...second, fetches: 1 }, first)
  t.equal(second.fetches, 0)
})

t.test('A failure event and its channel have the details', async (t) => {
  const { dog } = createTestDog(t)
  const failures: unknown[] = []
  dog.on('failure', (failure) => failures.push(failure))
  dog.init('K', () => Promise.reject(refusal()))
  await rejectionOf(dog.get('K'))
  t.match(failures, [{ key: 'K', details }])
})

t.test('A key that depends on another has the details of the other failure', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('TOKEN', () => Promise.reject(refusal()))
  dog.init('TICKET', (context) => context.use('TOKEN', () => t.fail('there is no token') as never))
  t.strictSame((await rejectionOf(dog.get('TICKET'))).details, details)
  dog.init('WRAPS', async ({ get }) => {
    const value = await get('TOKEN').catch((cause) => {
      throw new Error('no token', { cause })
    })
    return { value, expiresIn: 60 }
  })
  t.strictSame((await rejectionOf(dog.get('WRAPS'))).details, details)
})

t.test('An abort, which is not recorded, has details too', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('K', () => Promise.reject(refusal({ name: 'AbortError' })))
  const error = await rejectionOf(dog.get('K'))
  t.strictSame(error.details, details)
  t.equal(error.retryAt, undefined)
})

t.test('Details contain no secret of the dog, in an error, a ledger, an event or a status', async (t) => {
  const secret = 'MARKED-secret-value'
  const { dog, store } = createTestDog(t)
  const seen: unknown[] = []
  dog.on('failure', (failure) => seen.push(failure))
  await dog.set('OTHER', secret, { expiresIn: 60 })
  const leaking = { text: `${secret} was sent`, url: `https://h/?access_token=${secret}`, deep: [{ secret }] }
  dog.init('K', () => Promise.reject(refusal({ details: leaking })))
  seen.push(await rejectionOf(dog.get('K')), await store.readLedger('K'), await dog.status())
  t.notMatch(inspect(seen, { depth: 9, showHidden: true }), /MARKED/)
})

/** Rejects the value always. */
async function useRejecting(dog: Dog, makeError: () => Error) {
  return await rejectionOf(
    dog.use('K', () => {
      throw makeError()
    }),
  )
}

t.test('use rethrows the error of its task when the upstream gives no new value', async (t) => {
  const { dog } = createTestDog(t, { isRejected: (error) => (error as { errcode?: number }).errcode === 40001 })
  let fetches = 0
  dog.init('K', () => {
    fetches++
    return { value: 'the same', expiresIn: 60 }
  })
  const thrown: Error[] = []
  const makeError = () => {
    thrown.push(Object.assign(new Error('dead'), { errcode: 40001 }))
    return thrown.at(-1)!
  }
  t.equal(await useRejecting(dog, makeError), thrown[0], 'the value was fetched again, and is the same')
  t.equal(fetches, 2)
  t.equal(await useRejecting(dog, makeError), thrown[1], 'no fetch is allowed now')
  t.equal(fetches, 2)
  t.match(await rejectionOf(dog.refresh('K', { rejected: 'the same' })), { code: 'ERR_DOG_REJECTED' })
})

t.test('use throws the failure of the refresh if that is another one', async (t) => {
  const { dog } = createTestDog(t, { isRejected: () => true })
  dog.init('K', ({ reason }) => {
    if (reason === 'rejected') throw refusal()
    return { value: 'v', expiresIn: 60 }
  })
  t.match(await useRejecting(dog, () => new Error('dead')), { code: 'ERR_DOG_FETCH', details })
})
