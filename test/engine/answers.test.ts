import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { countingFetcher, createTestDog, storeRecord } from '../support/test-dog.js'

/** A value that a store would change is refused, and values are compared as values. */

/** Each was stored as `{}` or null once, and served to every process for its whole lifetime. */
const CHANGED: Record<string, unknown> = {
  'a promise': Promise.resolve('S3CRET'),
  // biome-ignore lint/suspicious/noThenProperty: a thenable of another library
  'a promise: await it': { then: (resolve: (token: string) => void) => resolve('S3CRET') },
  'a Map': new Map([['token', 'S3CRET']]),
  'a Set': new Set(['S3CRET']),
  'a Headers': new Headers({ authorization: 'S3CRET' }),
  'a Response': new Response('S3CRET'),
  'an Error': new Error('S3CRET'),
  'a Buffer': Buffer.from('S3CRET'),
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
}
for (const [what, part] of Object.entries(CHANGED)) {
  t.test(`A value that is ${what}, or has one inside, is refused from a fetcher and by set`, async (t) => {
    for (const [value, where] of [
      [part, `the value is ${what}`],
      [{ items: ['ok', { part }] }, `value.items[1].part is ${what}`],
    ] as const) {
      const { dog, store } = createTestDog(t)
      dog.init('K', (() => Promise.resolve({ value, expiresIn: 7200 })) as never)
      const error = await rejectionOf(dog.get('K'))
      t.match(error, { code: 'ERR_DOG_FETCH_RESULT', key: 'K' })
      t.ok(error.message.includes(where), error.message)
      const misuse = await rejectionOf(dog.set('K', value, { expiresIn: 60 }))
      t.equal(misuse.name, 'TypeError')
      t.ok(misuse.message.includes(where), misuse.message)
      for (const { message } of [error, misuse]) t.notMatch(message, /S3CRET/)
      t.equal(await store.read('K'), undefined, 'nothing was stored')
    }
  })
}

t.test('A time in expiresIn is refused from a fetcher and by set, and Infinity is not', async (t) => {
  const { dog } = createTestDog(t)
  for (const expiresIn of [1_763_657_200, '1763657200', 1_763_657_200_000]) {
    dog.init('K', () => ({ value: 'S3CRET', expiresIn }))
    t.match(await rejectionOf(dog.refresh('K', { force: true })), { code: 'ERR_DOG_FETCH_RESULT', message: /expiresIn.*time/ })
    t.match(await rejectionOf(dog.set('K', 'S3CRET', { expiresIn })), { name: 'TypeError', message: /expiresIn.*time/ })
  }
  await dog.set('K', 'v', { expiresIn: Number.POSITIVE_INFINITY })
  t.equal(await dog.get('K'), 'v')
})

t.test('Values that are over on arrival, three in a row, are a warning that names the clock', async (t) => {
  const { dog, warnings } = createTestDog(t)
  let expiresAt = Date.now() - 3_600_000
  const fetcher = countingFetcher()
  dog.init('K', async (context) => ({ ...(await fetcher(context)), expiresIn: undefined, expiresAt }) as never)
  await dog.get('K')
  await dog.get('K')
  expiresAt = Date.now() + 60_000
  await dog.refresh('K')
  t.same(warnings, [], 'a good one ends the row')
  expiresAt = Date.now() - 3_600_000
  for (let times = 0; times < 5; times++) await dog.refresh('K', { force: true })
  t.equal(warnings.length, 1)
  t.match(warnings[0], { key: 'K', code: 'ERR_DOG_FETCH_RESULT', message: /3 times in a row.*clock/ })
  t.ok(warnings[0]!.message.includes(new Date(expiresAt).toISOString()), warnings[0]!.message)
  t.notMatch(warnings[0]!.message, /v\d/)
})

t.test('A lifetime of 0, which is given on purpose, is no warning', async (t) => {
  const { dog, warnings } = createTestDog(t)
  dog.init('K', (handler) => handler('v'))
  for (let times = 0; times < 5; times++) await dog.get('K')
  t.same(warnings, [])
})

t.test('A rejected object is compared by its members, not by their order', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', { token: 'old', scope: { a: 1, b: [1, 2] } }, -100, 7000)
  let calls = 0
  dog.init('K', async () => ({ value: { token: `new${++calls}` }, expiresIn: 60 }))
  const rejected = { scope: { b: [1, 2], a: 1 }, token: 'old' } as never
  t.same(await dog.refresh('K', { rejected }), { token: 'new1' })
  t.same(await dog.refresh('K', { rejected }), { token: 'new1' }, 'a late report causes no fetch')
})

t.test('An upstream that gives the rejected object again in another order is recorded as a failure', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', { a: 1, b: 2 }, -100, 7000)
  dog.init('K', async () => ({ value: { b: 2, a: 1 }, expiresIn: 60 }) as never)
  const error = await rejectionOf(dog.refresh('K', { rejected: { a: 1, b: 2 } as never }))
  t.match(error, { code: 'ERR_DOG_REJECTED' })
  t.equal((await store.readLedger('K'))?.failure?.code, 'ERR_DOG_REJECTED')
})

t.test('A task of use that changes its object reports the object that it was given', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', { token: 'dead' }, -100, 7000)
  dog.init('K', async () => ({ value: { token: 'new' }, expiresIn: 60 }) as never, { isRejected: () => true })
  const seen: string[] = []
  const answer = await dog.use<{ token: string }>('K', async (value) => {
    seen.push(value.token)
    value.token = 'changed'
    if (seen.length === 1) throw new Error('401')
    return 'done'
  })
  t.equal(answer, 'done')
  t.same(seen, ['dead', 'new'])
})

t.test('A rejected value that no key can have is a TypeError', async (t) => {
  const { dog } = createTestDog(t)
  await dog.set('K', { a: 1 } as never, { expiresIn: 60 })
  const loop: Record<string, unknown> = {}
  loop.loop = loop
  for (const rejected of [new Map(), () => 'S3CRET', { part: new Set(['S3CRET']) }, loop, Number.NaN]) {
    const error = await rejectionOf(dog.refresh('K', { rejected: rejected as never }))
    t.match(error, { name: 'TypeError', message: /^rejected must be a value as the key has it: / })
    t.notMatch(error.message, /S3CRET/)
  }
})
