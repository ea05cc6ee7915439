import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import type { Dog, DogChannels, DogEvents } from '../../index.js'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { countingFetcher, createTestDog, DogError, fileStore, memoryStore, storeRecord } from '../support/test-dog.js'
import { pause, until } from '../support/timing.js'

const down = () => Promise.reject(new Error('the upstream is down'))

function failuresOf(dog: Dog): DogEvents['failure'][] {
  const failures: DogEvents['failure'][] = []
  dog.on('failure', (failure) => failures.push(failure))
  return failures
}

for (const kind of ['memory', 'file']) {
  t.test(`Only the process whose fetch failed emits failure, once (${kind} store)`, async (t) => {
    const dir = temporaryFolder(t)
    const { dog, another, warnings } = createTestDog(t, {
      store: kind === 'file' ? fileStore({ dir }) : memoryStore(),
    })
    const failures = failuresOf(dog)
    const other = another()
    const elsewhere = failuresOf(other)
    dog.init('K', down)
    other.init('K', down)
    const error = await rejectionOf(dog.get('K'))
    t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_FETCH' })
    t.match(await rejectionOf(other.get('K')), { code: 'ERR_DOG_FETCH' })
    const { code, message, retryAt } = error
    t.match(failures, [{ key: 'K', code, message, retryAt }])
    t.match(message, /the upstream is down/)
    t.equal(failures.length, 1, 'a denial is no failure of a fetch')
    t.same(elsewhere, [])
    t.same(warnings, [])
  })
}

t.test('A background refresh that failed is a failure and no warning, however often the value is read', async (t) => {
  const { dog, store, warnings } = createTestDog(t)
  const failures = failuresOf(dog)
  await storeRecord(store, 'K', 'due', -100, 600, { ahead: 700 })
  dog.init('K', down)
  t.equal(await dog.get('K'), 'due')
  await until(() => failures.length > 0)
  t.match(failures, [{ key: 'K', code: 'ERR_DOG_FETCH', message: /the upstream is down/ }])
  const { length } = failures
  await until(async () => {
    t.equal(await dog.get('K'), 'due')
    return failures.length > length
  })
  t.same(warnings, [])
})

t.test('A background refresh after the failed fetch of a caller of this process is no warning', async (t) => {
  const { dog, store, warnings } = createTestDog(t)
  const failures = failuresOf(dog)
  await storeRecord(store, 'K', 'due', -100, 600, { ahead: 700 })
  const failing = Object.assign(new Error('down'), { retryAfter: 100 })
  dog.init('K', () => Promise.reject(failing))
  await rejectionOf(dog.refresh('K'))
  for (let i = 0; i < 20; i++) {
    t.equal(await dog.get('K'), 'due')
    await pause(20)
  }
  t.equal(failures.length, 1)
  t.same(warnings, [])
})

t.test('A failure that is not recorded has no retryAt', async (t) => {
  const { dog } = createTestDog(t)
  const failures = failuresOf(dog)
  dog.init('K', () => {
    throw new DogError('ERR_DOG_STORE', 'another folder failed')
  })
  t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_STORE' })
  t.match(failures, [{ key: 'K', code: 'ERR_DOG_STORE', message: 'another folder failed', retryAt: undefined }])
})

t.test('debug says that a fetch failed, why, and until when', async (t) => {
  const { dog } = createTestDog(t)
  const lines: string[] = []
  const { write } = process.stderr
  t.teardown(() => {
    process.stderr.write = write
  })
  process.stderr.write = ((text: string) => lines.push(String(text)) > 0) as never
  dog.debug = true
  dog.init('K', down)
  const { retryAt } = await rejectionOf(dog.get('K'))
  dog.debug = false
  process.stderr.write = write
  const until = new Date(retryAt!).toISOString()
  t.ok(lines.some((line) => line.includes('[K] failed (ERR_DOG_FETCH)') && line.includes('is down') && line.includes(until)))
})

function collect(t: Test): [channel: string, message: unknown][] {
  const messages: [string, unknown][] = []
  const channels = ['fetch', 'failure', 'wait', 'takeover', 'change', 'warning'].map((name) => `dotdog:${name}`)
  const collector = (message: unknown, name: unknown) => messages.push([String(name), message])
  for (const channel of channels) subscribe(channel, collector)
  t.teardown(() => channels.map((channel) => unsubscribe(channel, collector)))
  return messages
}

t.test('diagnostics_channel has each event of each dog with its payload, and no value', async (t) => {
  const messages = collect(t)
  const dir = temporaryFolder(t)
  await fileStore({ dir }).acquire('K', 0.05)
  const { dog, another } = createTestDog(t, { store: fileStore({ dir }) })
  const other = another()
  const emitted: [string, unknown][] = []
  for (const one of [dog, other]) {
    for (const event of ['refresh', 'failure', 'wait', 'takeover', 'warning', 'change'] as const) {
      const channel: keyof DogChannels = event === 'refresh' ? 'dotdog:fetch' : `dotdog:${event}`
      one.on(event, (payload) => emitted.push([channel, payload]))
    }
    one.init('K', countingFetcher({ expiresIn: 60 }, 200))
    one.init('BAD', down)
  }
  dog.init('TWICE', (handler) => {
    handler('first', 60)
    handler('second', 60)
  })
  await Promise.all([dog.get('K'), other.get('K'), rejectionOf(dog.get('BAD')), dog.get('TWICE')])
  await until(() => emitted.some(([channel]) => channel === 'dotdog:change'))
  await until(() => emitted.some(([channel]) => channel === 'dotdog:warning'))
  t.strictSame(messages, emitted)
  for (const name of ['fetch', 'failure', 'wait', 'takeover', 'change', 'warning']) {
    t.ok(
      messages.some(([channel]) => channel === `dotdog:${name}`),
      name,
    )
  }
  t.notMatch(inspect(messages, { depth: 9 }), /'v\d|first|second'/)
})
