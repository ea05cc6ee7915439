// No value and no secret of the upstream is in anything that can be printed.
import { inspect } from 'node:util'
import t from 'tap'
import type { DogEvent, DogEvents, DogRecord, FetchContext, Fetcher, Secret, Store } from '../../index.js'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog, createTestDog, fileStore, memoryStore } from '../support/test-dog.js'
import { pause, until } from '../support/timing.js'

const VALUE = 'MARKED-VALUE-1234567890'
const SECRET = 'MARKED-SECRET-1234567890'
const EVENTS: DogEvent[] = ['change', 'refresh', 'failure', 'wait', 'takeover', 'warning']

const everything = (thing: unknown) =>
  inspect(thing, { depth: 9, showHidden: true, maxArrayLength: null, maxStringLength: null })

/** An error as HTTP clients throw it, with the request in its properties. */
function clientError(): Error {
  const url = `https://user:${SECRET}@api.example.com/cgi-bin/token?appid=wx1&secret=${SECRET}`
  const error = new Error(`Request failed: GET ${url}`, { cause: new Error(`connect ${url}`) })
  return Object.assign(error, {
    name: 'AxiosError',
    code: 'ERR_BAD_REQUEST',
    config: { url, params: { secret: SECRET }, headers: { Authorization: `Bearer ${SECRET}` } },
    request: { path: `/cgi-bin/token?secret=${SECRET}`, socket: { _httpMessage: `secret=${SECRET}` } },
    response: { status: 400, data: { access_token: VALUE } },
    toJSON: () => ({ url }),
  })
}

const throws =
  (make: () => unknown): Fetcher =>
  () => {
    throw make()
  }
const FETCHERS: [title: string, fetcher: Fetcher][] = [
  ['an error of an HTTP client', throws(clientError)],
  ['an error caused by an error of an HTTP client', throws(() => new Error('could not fetch', { cause: clientError() }))],
  ['an AggregateError', throws(() => new AggregateError([clientError()], `all failed: https://h/?secret=${SECRET}`))],
  [
    'a message of several lines',
    throws(() => new Error(`no\n{"client_secret":"${SECRET}"}\n    at https://h/?secret=${SECRET}`)),
  ],
  ['a known value in a message', throws(() => new Error(`the upstream does not know ${VALUE}`))],
  ['a thrown response', throws(() => ({ data: { access_token: VALUE }, secret: SECRET }))],
  ['a thrown text', throws(() => `GET https://h/?secret=${SECRET} failed`)],
  ['an answer without lifetime', () => ({ value: SECRET })],
  ['an answer with the secret as its lifetime', () => ({ value: 'x', expiresIn: SECRET })],
  ['an answer of another shape', (() => Promise.resolve({ access_token: SECRET, expires_in: 7200 })) as never],
  ['an answer that is the secret', (() => Promise.resolve(SECRET)) as never],
  ['no answer', () => {}],
]

for (const [title, fetcher] of FETCHERS) {
  t.test(`No error, event or status contains a secret after a fetcher gave ${title}`, async (t) => {
    const { dog, another, store } = createTestDog(t, { timeout: 0.2 })
    const events: unknown[] = []
    for (const event of EVENTS) dog.on(event, (payload) => events.push(payload))
    const secret = dog.init('K', fetcher)
    await dog.set('K', VALUE, { expiresIn: 60 })
    const other = another()
    other.init('K', fetcher)
    const errors = [
      await rejectionOf(dog.refresh('K')),
      await rejectionOf(other.refresh('K')),
      await rejectionOf(dog.use('K', () => dog.refresh('K'))),
    ]
    for (const error of errors) {
      const texts = [
        everything(error),
        String(error),
        error.stack,
        JSON.stringify(error),
        everything(Object.getOwnPropertyDescriptors(error)),
      ]
      t.notMatch(texts.join('\n'), /MARKED/)
    }
    await pause(10)
    t.notMatch(everything([events, dog, secret, await dog.status(), await store.readLedger('K')]), /MARKED/)
  })
}

t.test('The events of a background refresh and of a callback contain no secret', async (t) => {
  const { dog, warnings, store } = createTestDog(t)
  const failures: DogEvents['failure'][] = []
  dog.on('failure', (failure) => failures.push(failure))
  const printed: unknown[] = []
  const listen = (warning: Error) => printed.push(warning)
  process.on('warning', listen)
  t.teardown(() => process.off('warning', listen))
  dog.init('DUE', throws(clientError))
  await dog.set('DUE', VALUE, { expiresIn: 5 })
  await makeDue(store, 'DUE')
  dog.init('BAD', throws(clientError))
  dog.get('BAD', (_value) => t.fail('called'))
  await until(async () => {
    await dog.get('DUE')
    const isReported = failures.some(({ key }) => key === 'DUE') && warnings.some(({ key }) => key === 'BAD')
    return isReported && printed.length > 0
  })
  t.notMatch(everything([failures, warnings, printed]), /MARKED/)
})

/** Commits the record again with a `refreshAhead` that makes it due. */
async function makeDue(store: Store, key: string): Promise<void> {
  const record = (await store.read(key)) as DogRecord
  const lease = (await store.acquire(key, 30))!
  await lease.commit({ ...record, generation: lease.fencingToken, ahead: 3600 })
}

for (const kind of ['memory', 'file']) {
  t.test(`Printing a dog, a secret, a context or an event shows no value (${kind} store)`, async (t) => {
    const dir = temporaryFolder(t)
    const store = kind === 'file' ? fileStore({ dir }) : memoryStore()
    const dog = createDog({ store })
    t.teardown(() => dog.close())
    const events: unknown[] = []
    for (const event of EVENTS) dog.on(event, (payload) => events.push(payload))
    let context: FetchContext | undefined
    const secret: Secret = dog.init('K', (given) => {
      context = given
      return { value: VALUE, expiresIn: 60 }
    })
    await secret.get()
    await secret.refresh()
    t.equal(context!.previous, VALUE)
    await dog.use('K', () => {})
    t.notMatch(everything([dog, secret, context, events, await dog.status()]), /MARKED/)
    t.ok(events.length >= 2)
  })
}

t.test('debug prints events on standard error, and no value', async (t) => {
  const { dog } = createTestDog(t)
  const lines: string[] = []
  const { write } = process.stderr
  t.teardown(() => {
    process.stderr.write = write
  })
  process.stderr.write = ((text: string) => lines.push(String(text)) > 0) as never
  dog.init('QUIET', () => ({ value: VALUE, expiresIn: 60 }))
  await dog.get('QUIET')
  t.same(lines, [])
  dog.debug = true
  dog.init('K', () => ({ value: VALUE, expiresIn: 60 }))
  await dog.get('K')
  dog.init('BAD', throws(clientError))
  await rejectionOf(dog.get('BAD'))
  dog.get('BAD', (_value) => t.fail('called'))
  await pause(20)
  dog.debug = false
  process.stderr.write = write
  t.match(lines.join(''), /\[K\].*fetched/)
  t.notMatch(lines.join(''), /MARKED/)
})

t.test('No file name contains a value, and the file of a key with a path in it stays in the folder', async (t) => {
  const { readdirSync } = await import('node:fs')
  const dir = temporaryFolder(t)
  const dog = createDog({ dir })
  t.teardown(() => dog.close())
  for (const key of ['../X', 'K']) {
    dog.init(key, () => ({ value: VALUE, expiresIn: 60 }))
    t.equal(await dog.get(key), VALUE)
  }
  const names = readdirSync(dir, { recursive: true }).map(String)
  t.ok(names.includes('%2E%2E%2FX.dog'))
  t.notMatch(names.join('\n'), /MARKED/)
})
