// Answers that are lost, late, repeated or out of order.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Dog, Result } from '../../index.js'
import { type ControlledProcess, startControlledProcess } from '../support/controlled-process.js'
import { rejectionOf } from '../support/errors.js'
import { type ManualUpstream, startManualUpstream } from '../support/manual-upstream.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog, nextEvent } from '../support/test-dog.js'
import { deferred, pause, until } from '../support/timing.js'

interface Setting {
  dir: string
  upstream: ManualUpstream
  process(options?: Record<string, unknown>): Promise<ControlledProcess>
}

async function setUp(t: Test): Promise<Setting> {
  const dir = join(temporaryFolder(t), '.dog')
  const upstream = await startManualUpstream(t)
  const process = (options = {}) => startControlledProcess(t, { DIR: dir, URL: upstream.url, OPTIONS: JSON.stringify(options) })
  return { dir, upstream, process }
}

const stored = (dir: string) => JSON.parse(readFileSync(join(dir, 'TOKEN.dog'), 'utf8'))

t.test(
  'After a lost response to a rotation every process gets the error, and after the back-off one fetches the newest token',
  async (t) => {
    const { upstream, process, dir } = await setUp(t)
    const [one, two] = [await process(), await process()]
    const first = [rejectionOf(one.get()), rejectionOf(two.get())]
    ;(await upstream.request(1)).drop()
    const errors = await Promise.all(first)
    for (const error of errors) t.match(error, { code: 'ERR_DOG_FETCH' })
    // Before `retryAt` no process asks the upstream, however often it is called.
    for (let call = 0; call < 10; call++) await rejectionOf(two.get())
    t.equal(upstream.requests.length, 1)
    await pause(Math.max(0, errors[0]!.retryAt! - Date.now()) + 5)
    const second = Promise.all([one.get(), two.get()])
    const asked = await upstream.request(2)
    asked.answer()
    t.strictSame(await second, [asked.token, asked.token])
    t.equal(stored(dir).value, asked.token)
    t.equal(upstream.requests.length, 2)
  },
)

t.test('After a lost response in a refresh the old value is served until a caller rejects it', async (t) => {
  const { upstream, process } = await setUp(t)
  const one = await process()
  const two = await process()
  const got = one.get()
  const before = (await upstream.request(1)).token
  upstream.requests[0]!.answer()
  t.equal(await got, before)
  const refreshed = rejectionOf(one.ask('refresh', { rejected: before }))
  ;(await upstream.request(2)).drop()
  const { code, retryAt } = await refreshed
  t.equal(code, 'ERR_DOG_FETCH')
  t.equal(await two.get(), before, 'no newer value is known')
  t.match(
    await rejectionOf(two.ask('refresh', { rejected: before })),
    { code: 'ERR_DOG_FETCH' },
    'and no process asks meanwhile',
  )
  t.equal(upstream.requests.length, 2)
  await pause(Math.max(0, retryAt! - Date.now()) + 5)
  upstream.automatic = true
  const reports = await Promise.all([one.ask('refresh', { rejected: before }), two.ask('refresh', { rejected: before })])
  t.strictSame(reports, ['token-3-of-the-upstream', 'token-3-of-the-upstream'])
  t.equal(upstream.requests.length, 3)
})

/**
 * Registers a fetcher that answers when the test says so, and ignores its abort signal, as many
 * HTTP calls do.
 */
function registerHeldFetcher(dog: Dog, key = 'TOKEN') {
  const runs: Array<{ answer: (result: Result) => void }> = []
  dog.init(key, () => {
    const { resolve, promise } = deferred<Result>()
    runs.push({ answer: resolve })
    return promise
  })
  return runs
}

const value = (name: string): Result => ({ value: name, expiresIn: 7200 })

t.test('An answer after the time-out is committed if it is still the newest', async (t) => {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir, timeout: 0.2 })
  t.teardown(() => dog.close())
  const runs = registerHeldFetcher(dog)
  t.match(await rejectionOf(dog.get('TOKEN')), { code: 'ERR_DOG_FETCH_TIMEOUT' })
  const late = nextEvent(dog, 'refresh')
  runs[0]!.answer(value('late'))
  t.match(await late, { late: true })
  t.equal(stored(dir).value, 'late')
  t.equal(await dog.get('TOKEN'), 'late', 'no caller waits for the back-off')
  t.equal(runs.length, 1)
})

t.test('A slower, older answer after a newer one is dropped in every process', async (t) => {
  const dir = temporaryFolder(t)
  const slow = createDog({ dir, timeout: 0.2 })
  const fast = createDog({ dir })
  t.teardown(() => Promise.all([slow.close(), fast.close()]))
  const older = registerHeldFetcher(slow)
  fast.init('TOKEN', () => value('newer'))
  t.match(await rejectionOf(slow.get('TOKEN')), { code: 'ERR_DOG_FETCH_TIMEOUT' })
  t.equal(await fast.refresh('TOKEN', { force: true }), 'newer')
  const before = readFileSync(join(dir, 'TOKEN.dog'), 'utf8')
  older[0]!.answer(value('older'))
  // A dropped answer causes no event. A later fetch of the same dog runs after it has been dropped.
  const again = slow.refresh('TOKEN', { force: true })
  await until(() => older.length === 2)
  t.equal(readFileSync(join(dir, 'TOKEN.dog'), 'utf8'), before)
  older[1]!.answer(value('newest'))
  t.equal(await again, 'newest')
  t.equal(stored(dir).value, 'newest')
})

t.test('A late answer waits for the fetch of another dog, and does not replace its newer value', async (t) => {
  const dir = temporaryFolder(t)
  const slow = createDog({ dir, timeout: 0.2 })
  const other = createDog({ dir })
  t.teardown(() => Promise.all([slow.close(), other.close()]))
  const older = registerHeldFetcher(slow)
  const newer = registerHeldFetcher(other)
  t.match(await rejectionOf(slow.get('TOKEN')), { code: 'ERR_DOG_FETCH_TIMEOUT' })
  const refreshed = other.refresh('TOKEN', { force: true })
  await until(() => newer.length === 1)
  older[0]!.answer(value('older'))
  await pause(100)
  newer[0]!.answer(value('newer'))
  t.equal(await refreshed, 'newer')
  await slow.close()
  t.equal(stored(dir).value, 'newer')
})

t.test('The first of several answers counts, and the second is a warning', async (t) => {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir })
  t.teardown(() => dog.close())
  const warned = nextEvent(dog, 'warning')
  dog.init('TOKEN', (handler) => {
    handler('first', 60)
    handler('second', 60)
    return { value: 'third', expiresIn: 60 }
  })
  t.equal(await dog.get('TOKEN'), 'first')
  t.match(await warned, { key: 'TOKEN', message: /twice/ })
  t.equal(stored(dir).value, 'first')
})

t.test('A second answer of a fetch that timed out changes nothing', async (t) => {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir, timeout: 0.2 })
  t.teardown(() => dog.close())
  let call: (value: string, seconds: number) => void = () => {}
  dog.init('TOKEN', (handler) => {
    call = handler
  })
  t.match(await rejectionOf(dog.get('TOKEN')), { code: 'ERR_DOG_FETCH_TIMEOUT' })
  const late = nextEvent(dog, 'refresh')
  call('late', 60)
  await late
  const warned = nextEvent(dog, 'warning')
  call('later', 60)
  await warned
  await dog.close()
  t.equal(stored(dir).value, 'late')
})
