import t from 'tap'
import type { Fetcher } from '../../index.js'
import { rejectionOf } from '../support/errors.js'
import { createTestDog } from '../support/test-dog.js'
import { deferred, pause, until } from '../support/timing.js'

const STYLES: [title: string, fetcher: Fetcher][] = [
  ['a promise of a result', async () => ({ value: 'v', expiresIn: 60 })],
  ['a synchronous result', () => ({ value: 'v', expiresIn: 60 })],
  // biome-ignore lint/suspicious/noThenProperty: a thenable of another promise library
  ['a thenable', () => ({ then: (resolve: (result: object) => void) => resolve({ value: 'v', expiresIn: 60 }) }) as never],
  ['a call of the handler at once', (handler) => handler('v', 60)],
  ['a later call of the handler', (handler) => void setTimeout(handler, 20, 'v', 60)],
  [
    'a call of the handler in an async function',
    async (handler) => {
      await pause(10)
      handler('v', 60)
    },
  ],
  [
    'a call of the handler after its async function has ended',
    async (handler) => {
      setTimeout(() => handler('v', 60), 20)
    },
  ],
  [
    'a call of the handler and an unrelated return value',
    ((handler: (value: string, expiresIn: number) => void) => {
      setTimeout(handler, 10, 'v', 60)
      return 'a request object'
    }) as never,
  ],
  [
    'a call of the handler and a promise of something else',
    (async (handler: (value: string, expiresIn: number) => void) => {
      handler('v', 60)
      return 'done'
    }) as never,
  ],
  ['a numeric text as lifetime', (handler) => handler('v', '60')],
]
for (const [title, fetcher] of STYLES) {
  t.test('A fetcher that returns an answer of another shape at once is told which members came', async (t) => {
    const { dog } = createTestDog(t, { timeout: 0.2 })
    dog.init('K', (() => ({ access_token: 'marked-value', expires_in: 7200 })) as never)
    const error = await rejectionOf(dog.get('K'))
    t.match(error, {
      code: 'ERR_DOG_FETCH_TIMEOUT',
      message: /it returned \{ access_token, expires_in \}, which is not \{ value, expiresIn \}$/,
    })
    t.notMatch(error.message, /marked|forgot/)
  })

  t.test(`A fetcher may answer with ${title}`, async (t) => {
    const { dog, warnings } = createTestDog(t)
    const secret = dog.init('K', fetcher)
    t.equal(await secret.get(), 'v')
    const { expiresAt } = secret.peek()!
    t.ok(expiresAt <= Date.now() + 60_000 && expiresAt > Date.now() + 30_000)
    t.same(warnings, [])
  })
}

t.test('The first answer of a fetcher counts, and a second answer is a warning', async (t) => {
  const twice: Fetcher[] = [
    async (handler) => {
      handler('first', 60)
      return { value: 'second', expiresIn: 60 }
    },
    (handler) => {
      handler('first', 60)
      handler('second', 60)
    },
    (handler) => {
      setTimeout(handler, 10, 'second', 60)
      return { value: 'first', expiresIn: 60 }
    },
  ]
  for (const fetcher of twice) {
    const { dog, warnings } = createTestDog(t)
    dog.init('K', fetcher)
    t.equal(await dog.get('K'), 'first')
    await until(() => warnings.length > 0)
    t.match(warnings, [{ key: 'K', code: 'ERR_DOG_FETCH_RESULT', message: /twice/ }])
    t.equal(await dog.get('K'), 'first')
  }
})

t.test('A fetcher that never answers times out with an error that asks whether it forgot to return', async (t) => {
  const { dog } = createTestDog(t)
  for (const [key, fetcher] of Object.entries<Fetcher>({
    NOTHING: () => {},
    ASYNC: async () => {},
    NEVER: () => new Promise(() => {}),
  })) {
    dog.init(key, fetcher, { timeout: 0.1 })
    const error = await rejectionOf(dog.get(key))
    t.match(error, { code: 'ERR_DOG_FETCH_TIMEOUT', key, message: /within 0\.1 s.*forgot to return/ })
    t.ok(error.retryAt! > Date.now() - 1000)
  }
})

t.test('At the time-out the signal aborts, with the time-out error as its reason', async (t) => {
  const { dog } = createTestDog(t)
  const aborted = deferred<unknown>()
  dog.init('K', ({ signal }) => void signal.addEventListener('abort', () => aborted.resolve(signal.reason)), { timeout: 0.1 })
  const error = await rejectionOf(dog.get('K'))
  t.match(await aborted.promise, { code: 'ERR_DOG_FETCH_TIMEOUT', message: error.message })
})

t.test('Whatever a fetcher throws becomes an ERR_DOG_FETCH with the message and the key', async (t) => {
  const thrown: [unknown, RegExp][] = [
    [new Error('the network is down'), /"K" failed: the network is down/],
    [new TypeError('x is not a function'), /x is not a function/],
    ['just text', /just text/],
    [undefined, /"K" failed/],
    [null, /"K" failed/],
    [{ errcode: 40013 }, /"K" failed/],
  ]
  for (const [value, message] of thrown) {
    const sync: Fetcher = () => {
      throw value
    }
    for (const fetcher of [sync, () => Promise.reject(value), async () => sync(undefined as never)] as Fetcher[]) {
      const { dog } = createTestDog(t)
      dog.init('K', fetcher)
      const error = await rejectionOf(dog.get('K'))
      t.match(error, { name: 'DogError', code: 'ERR_DOG_FETCH', key: 'K', message })
      t.type(error.retryAt, 'number')
    }
  }
})

t.test('An unusable answer gives an error that says what is wrong with it', async (t) => {
  const bad: [unknown, RegExp][] = [
    [{ value: 'v' }, /expiresIn or expiresAt is missing/],
    [{ value: 'v', expiresIn: Number.NaN }, /expiresIn/],
    [{ value: 'v', expiresIn: -1 }, /expiresIn/],
    [{ value: 'v', expiresAt: 1_763_657_200 }, /looks like seconds/],
    [{ value: undefined, expiresIn: 60 }, /value is undefined.*error\?/],
    [{ value: () => 1, expiresIn: 60 }, /value is a function/],
    [{ value: 'v', expiresIn: 60, refreshAhead: -1 }, /refreshAhead/],
    [{ access_token: 'v', expires_in: 60 }, /must answer \{ value, expiresIn \}; it answered \{ access_token, expires_in \}$/],
    [{ value: 'v', expires_in: 60 }, /expiresIn or expiresAt is missing; it answered \{ value, expires_in \}$/],
    [{ '0b1c-the-token': 1, [`a${'b'.repeat(40)}`]: 1, errcode: 1 }, /it answered \{ …, …, errcode \}$/],
    [Object.fromEntries([...'abcdefghijk'].map((name) => [name, 1])), /it answered \{ a, b, c, d, e, f, g, h, … \}$/],
    [{}, /it answered \{\}$/],
    [[1], /it answered an array$/],
    ['v', /must answer.*it answered a string$/],
    [null, /must answer.*it answered null$/],
  ]
  for (const [answer, message] of bad) {
    const { dog } = createTestDog(t)
    dog.init('K', (async () => answer) as never)
    t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_FETCH_RESULT', key: 'K', message })
  }
  const { dog } = createTestDog(t)
  dog.init('K', (handler) => handler(undefined as never, 7200))
  t.match(
    await rejectionOf(dog.get('K')),
    { code: 'ERR_DOG_FETCH_RESULT', message: /undefined/ },
    'undefined is no value (tnwx signs with it)',
  )
})

t.test('A value without a lifetime goes once to each caller that waited, and is not fetched in a loop', async (t) => {
  const { dog } = createTestDog(t)
  let calls = 0
  dog.init('K', (handler) => void setTimeout(() => handler(`v${++calls}`), 30))
  t.same(await Promise.all([dog.get('K'), dog.get('K'), dog.get('K')]), ['v1', 'v1', 'v1'])
  t.equal(calls, 1)
  t.equal(dog.peek('K'), undefined)
  t.equal(await dog.get('K'), 'v2')
  t.equal(calls, 2)
})

t.test(
  'A value that expires before its fetch ends goes once to each waiting caller, and is not fetched in a loop',
  async (t) => {
    const { dog, another } = createTestDog(t)
    let calls = 0
    const slow: Fetcher = async () => {
      calls++
      await pause(150)
      return { value: `v${calls}`, expiresIn: 0.05 }
    }
    dog.init('K', slow)
    const other = another()
    other.init('K', slow)
    const first = dog.get('K')
    await until(() => calls === 1)
    t.same(await Promise.all([first, dog.get('K'), other.get('K')]), ['v1', 'v1', 'v1'])
    t.equal(calls, 1)
  },
)

t.test('A lifetime counts from the start of the fetch', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('K', async () => {
    await pause(300)
    return { value: 'v', expiresIn: 100 }
  })
  await dog.get('K')
  const [status] = await dog.status()
  t.equal(status!.expiresAt! - status!.fetchedAt!, 100_000)
  t.equal(status!.expiresAt! - status!.dueAt!, 10_000, 'due in the last tenth')
  t.ok(status!.expiresAt! < Date.now() + 100_000 - 250)
})

t.test('A value with the lifetime Infinity never expires', async (t) => {
  const { dog } = createTestDog(t)
  const secret = dog.init('K', () => ({ value: 'v', expiresIn: Number.POSITIVE_INFINITY }))
  t.equal(await secret.get(), 'v')
  t.equal(secret.peek()!.expiresAt, 8.64e15)
})

t.test('The fetch context has the key, the reason and the previous value', async (t) => {
  const { dog } = createTestDog(t)
  const seen: unknown[] = []
  const secret = dog.init('K', ({ key, reason, previous, signal }) => {
    seen.push([key, reason, previous, signal.aborted])
    return { value: `v${seen.length}`, expiresIn: seen.length === 2 ? 0 : 60 }
  })
  await secret.get()
  await secret.refresh()
  await secret.get()
  await secret.refresh({ rejected: 'v3' })
  t.same(seen, [
    ['K', 'missing', undefined, false],
    ['K', 'forced', 'v1', false],
    ['K', 'expired', 'v2', false],
    ['K', 'rejected', 'v3', false],
  ])
})

t.test('init makes no fetch, and a second init of the key replaces fetcher and options', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('K', () => t.fail('replaced') as never, { timeout: 1 })
  const secret = dog.init('K', () => ({ value: 'second', expiresIn: 60 }), { quota: { limit: 5 } })
  t.equal(secret.key, 'K')
  t.equal(await secret.get(), 'second')
  t.match(await dog.status(), [{ key: 'K', quota: 5, fetches: 1 }])
})
