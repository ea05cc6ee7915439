// A failure of one secret, and the processes that have another one.
import t from 'tap'
import { createDog, DogError, memoryStore } from '../../src/core/index.js'
import { rejectionOf } from '../support/errors.js'
import { pause } from '../support/timing.js'

const RETRY_S = 600

/** Dogs in one store. Each counts its fetches, which fail as long as its secret is listed as wrong. */
function createDogs(t: Tap, ids: (string | (() => string | Promise<string>) | undefined)[], names = true) {
  const store = memoryStore()
  const wrong = new Set<string>()
  return ids.map((credentialId) => {
    const dog = createDog({ store })
    t.teardown(() => dog.close())
    const one = { dog, wrong, fetches: 0 }
    const fetcher = async () => {
      one.fetches++
      const id = typeof credentialId === 'function' ? await credentialId() : (credentialId ?? 'none')
      if (!wrong.has(id)) return { value: `with ${id}`, expiresIn: 60 }
      throw Object.assign(new Error(`wrong: ${id}`), { retryAfter: RETRY_S, ...(names && { credentialIds: [id] }) })
    }
    dog.init('KEY', fetcher, { credentialId })
    return one
  })
}
type Tap = { teardown(end: () => unknown): void }

t.test('a failure of one secret holds back no process with another one', async (t) => {
  const [old, renewed, unknown] = createDogs(t, ['old', 'new', undefined])
  old!.wrong.add('old')
  t.match(await rejectionOf(old!.dog.get('KEY')), { code: 'ERR_DOG_FETCH', message: /wrong: old/ })
  t.match(await rejectionOf(old!.dog.get('KEY')), { message: /wrong: old/ })
  t.match(await rejectionOf(unknown!.dog.get('KEY')), { message: /wrong: old/ }, 'who has none obeys')
  t.equal(await renewed!.dog.get('KEY'), 'with new')
  t.equal(await old!.dog.get('KEY'), 'with new')
  t.same([old!.fetches, renewed!.fetches, unknown!.fetches], [1, 1, 0])
})

t.test('two wrong secrets are tried once each, and do not end the wait for each other', async (t) => {
  const dogs = createDogs(t, ['a', 'b'])
  for (const id of ['a', 'b']) dogs[0]!.wrong.add(id)
  for (let round = 0; round < 5; round++) for (const { dog } of dogs) await rejectionOf(dog.get('KEY'))
  t.same(
    dogs.map(({ fetches }) => fetches),
    [1, 1],
  )
})

t.test('a failure that names no secret holds for all', async (t) => {
  const dogs = createDogs(t, ['a', 'b'], false)
  for (const id of ['a', 'b']) dogs[0]!.wrong.add(id)
  for (const { dog } of dogs) await rejectionOf(dog.get('KEY'))
  t.same(
    dogs.map(({ fetches }) => fetches),
    [1, 0],
  )
})

t.test('a process that waits for a fetch that fails with another secret tries its own', async (t) => {
  const store = memoryStore()
  const [slow, waiting] = [createDog({ store }), createDog({ store })]
  t.teardown(() => Promise.all([slow.close(), waiting.close()]))
  slow.init(
    'KEY',
    async () => {
      await pause(50)
      throw Object.assign(new Error('wrong'), { credentialIds: ['old'], retryAfter: RETRY_S })
    },
    { credentialId: 'old' },
  )
  waiting.init('KEY', async () => ({ value: 'good', expiresIn: 60 }), { credentialId: 'new' })
  const failing = rejectionOf(slow.get('KEY'))
  await pause(10)
  t.equal(await waiting.get('KEY'), 'good')
  await failing
})

t.test('a function that throws, and ids that may be secrets, leave the failure as it is for all', async (t) => {
  const store = memoryStore()
  const dog = createDog({ store })
  t.teardown(() => dog.close())
  let fetches = 0
  const long = 'x'.repeat(65)
  dog.init(
    'KEY',
    () => {
      fetches++
      throw Object.assign(new Error('wrong'), { credentialIds: fetches === 1 ? ['a'] : [long], retryAfter: RETRY_S })
    },
    {
      credentialId: () => {
        throw new Error('no secret here')
      },
    },
  )
  for (let round = 0; round < 3; round++) t.match(await rejectionOf(dog.get('KEY')), { message: /wrong/ })
  t.equal(fetches, 1)
  await rejectionOf(dog.refresh('KEY', { force: true }))
  t.notOk(JSON.stringify(await store.readLedger('KEY')).includes(long))
  t.throws(() => dog.init('KEY', () => {}, { credentialId: '' }), /credentialId must be a string/)
})

t.test('a fetcher that lacks something in its own process records no failure', async (t) => {
  const store = memoryStore()
  const [without, other] = [createDog({ store }), createDog({ store })]
  t.teardown(() => Promise.all([without.close(), other.close()]))
  without.init('KEY', () => {
    throw new DogError('ERR_DOG_NO_FETCHER', 'the environment has no SECRET')
  })
  other.init('KEY', () => ({ value: 'good', expiresIn: 60 }))
  t.match(await rejectionOf(without.get('KEY')), { code: 'ERR_DOG_FETCH', message: /has no SECRET/, retryAt: undefined })
  t.equal((await store.readLedger('KEY'))?.failure, undefined)
  t.equal(await other.get('KEY'), 'good')
})
