import t from 'tap'
import type { DogError as DogErrorType, Fetcher } from '../../index.js'
import { dependencyTests } from '../support/dependency-tests.js'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createTestDog, fileStore, memoryStore } from '../support/test-dog.js'

t.test('In a memory store', async (t) => {
  dependencyTests(t, () => {
    const store = memoryStore()
    return () => store
  })
})

t.test('In a file store', async (t) => {
  dependencyTests(t, (t) => {
    const dir = temporaryFolder(t)
    return () => fileStore({ dir })
  })
})

/** What a fetcher may make of the error of its dependency. */
const WRAPPERS: Record<string, (error: unknown) => unknown> = {
  'as it is': (error) => error,
  'as the cause of its own error': (error) => new Error('no ticket', { cause: error }),
  'as one of several': (error) => new AggregateError([error, new Error('also', { cause: error })]),
}
for (const [how, wrap] of Object.entries(WRAPPERS)) {
  t.test(`The error of a dependency is no failure of the dependant that throws it on ${how}`, async (t) => {
    const { dog } = createTestDog(t)
    dog.init('C', ({ get }) => get('PUSHED').catch((error) => Promise.reject(wrap(error))) as never)
    t.match(await rejectionOf(dog.get('C')), { code: 'ERR_DOG_FETCH', key: 'C' })
    t.match(await dog.status(), [{ key: 'C', failure: undefined, fetches: 0 }])
  })
}

t.test('A dependency that is asked for through the dog counts as one', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('C', async () => ({ value: await dog.get('PUSHED'), expiresIn: 60 }))
  t.match(await rejectionOf(dog.get('C')), { code: 'ERR_DOG_FETCH', key: 'C' })
  t.match(await dog.status(), [{ key: 'C', failure: undefined, fetches: 0 }])
})

t.test('An error of the upstream is a failure of the key, also beside one of a dependency', async (t) => {
  const wrongs: ((error: DogErrorType) => unknown)[] = [
    () => new Error('502'),
    (error) => Object.assign(new Error('429', { cause: error }), { retryAfter: 5 }),
    (error) => new AggregateError([error, new Error('502')]),
    (error) => ({ name: 'DogError', code: error.code, key: 'PUSHED' }),
  ]
  for (const wrong of wrongs) {
    const { dog } = createTestDog(t)
    dog.init('C', ({ get }) => get('PUSHED').catch((error) => Promise.reject(wrong(error))) as never)
    const { retryAt } = await rejectionOf(dog.get('C'))
    t.match(await dog.status(), [{ key: 'C', failure: { retryAt }, fetches: 1 }])
  }
})

/** With a dead token the dependant's own upstream is asked, which must not go on at the pace of the callers. */
for (const through of ['context.use', 'dog.use'] as const) {
  t.test(`A dependant backs off while its dependency is rejected and not replaced, through ${through}`, async (t) => {
    const { dog } = createTestDog(t)
    let asked = 0
    dog.init('TOKEN', () => Promise.reject(Object.assign(new Error('no token'), { retryAfter: 3600 })))
    await dog.set('TOKEN', 'dead', { expiresIn: 60 })
    const ask = () => {
      asked++
      throw Object.assign(new Error('40001'), { code: 'ERR_DOG_REJECTED' })
    }
    const fetcher: Fetcher = ({ use }) => (through === 'dog.use' ? dog.use('TOKEN', ask) : use('TOKEN', ask)) as never
    dog.init('TICKET', fetcher)
    for (let tries = 0; tries < 3; tries++) {
      t.match(await rejectionOf(dog.get('TICKET')), { code: 'ERR_DOG_FETCH', message: /no token/ })
    }
    t.equal(asked, 1)
  })
}

t.test('A dependant that used one dependency backs off as long as another one that has no value', async (t) => {
  const { dog } = createTestDog(t)
  let asked = 0
  await dog.set('TOKEN', 'good', { expiresIn: 60 })
  dog.init('C', async ({ get, use }) => {
    await use('TOKEN', () => asked++)
    return { value: await get('PUSHED'), expiresIn: 60 }
  })
  for (let tries = 0; tries < 3; tries++) t.match(await rejectionOf(dog.get('C')), { key: 'C', message: /"PUSHED"/ })
  t.equal(asked, 1)
})
