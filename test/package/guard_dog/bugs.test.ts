import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DogError } from '../../../index.js'
import dotdog from '../../../src/core/index.js'
import { fixture, start, temporary } from '../../support/children.js'

/** Bugs of guard_dog 3.1.4. Each test is named after the cause. */

const setUp = (t: Test, options = {}) => {
  const dir = temporary((end) => t.teardown(end))
  const dog = dotdog.createDog({ dir, ...options })
  t.teardown(() => dog.close())
  return { dir, dog }
}

t.test('A loader that never calls back ends in a time-out whose message asks whether something was forgotten', async (t) => {
  const { dog } = setUp(t, { timeout: 0.3 })
  dog.init('KEY', () => {})
  await t.rejects(dog.get('KEY'), { code: 'ERR_DOG_FETCH_TIMEOUT', key: 'KEY', message: /forgot to return/ })
})

t.test('A callback with two parameters gets the error of a loader that never calls back', async (t) => {
  const { dog } = setUp(t, { timeout: 0.3 })
  dog.init('KEY', () => {})
  const given = await new Promise<unknown[]>((resolve) => dog.get('KEY', (value, error) => resolve([value, error])))
  t.equal(given[0], undefined)
  t.match(given[1], { code: 'ERR_DOG_FETCH_TIMEOUT' })
})

t.test('A callback with one parameter is not called after an error, and the process emits a warning', async (t) => {
  const { dog } = setUp(t, { timeout: 0.3 })
  dog.init('KEY', () => {})
  let called = false
  const warningEvent = new Promise((resolve) => dog.on('warning', resolve))
  const processWarning = new Promise<Error>((resolve) => process.once('warning', resolve))
  dog.get('KEY', (_value) => (called = true))
  t.match(await warningEvent, { key: 'KEY', code: 'ERR_DOG_FETCH_TIMEOUT' })
  t.match(await processWarning, { name: 'DotdogWarning', message: /forgot to return/ })
  t.equal(called, false)
})

const now = Date.now()
for (const [name, text] of [
  ['null', 'null'],
  ['an empty object', '{}'],
  ['no text', ''],
  ['garbage', '\u0000\u0001 not json'],
  ['a torn record', '{"data":"old","expires_in":72'],
  ['a list', '[1]'],
  ['a number', '7200'],
  ['no data', JSON.stringify({ expires_in: 7200, gen_time: now })],
  ['no gen_time', JSON.stringify({ data: 'old', expires_in: 7200 })],
  ['a gen_time of a wrong type', JSON.stringify({ data: 'old', expires_in: 7200, gen_time: 'today' })],
] as const) {
  t.test(`A file that holds ${name} is a miss with a warning, and one fetch replaces it by a record`, async (t) => {
    const { dir, dog } = setUp(t)
    const warnings: string[] = []
    dog.on('warning', ({ message }) => warnings.push(message))
    writeFileSync(join(dir, 'KEY.dog'), text)
    let loads = 0
    dog.init('KEY', (handler) => handler(`value ${++loads}`, 60))
    t.equal(await dog.get('KEY'), 'value 1')
    t.equal(await dog.get('KEY'), 'value 1')
    t.equal(loads, 1)
    t.equal(warnings.length, 1)
    t.match(warnings[0], /KEY\.dog is damaged/)
    t.match(JSON.parse(readFileSync(join(dir, 'KEY.dog'), 'utf8')), { dotdog: 1, value: 'value 1' })
  })
}

for (const callers of [1, 2]) {
  t.test(`A file that guard_dog is still writing is awaited, not fetched again (concurrent callers: ${callers})`, async (t) => {
    const { dir, dog } = setUp(t)
    const file = join(dir, 'KEY.dog')
    const text = JSON.stringify({ data: 'old', expires_in: 7200, gen_time: now, dir: '', ahead: 2 })
    writeFileSync(file, text.slice(0, 20))
    let loads = 0
    dog.init('KEY', (handler) => handler(`value ${++loads}`, 60))
    const values = Promise.all(Array.from({ length: callers }, () => dog.get('KEY')))
    // This timer fires before the first of the engine's two re-reads, which comes after 20 ms.
    setTimeout(() => writeFileSync(file, text), 10)
    t.same(new Set(await values), new Set(['old']))
    t.equal(loads, 0)
  })
}

/** A timer with a longer delay overflows and fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1
const DAY_S = 86_400

t.test('A lifetime of 34 days does not overflow a timer and so causes no repeated loads', async (t) => {
  const DIR = temporary((end) => t.teardown(end))
  const env = { DIR, LIFETIME: String(34 * DAY_S) }
  for (const expected of [1, 0]) {
    const { code, out, err } = await start(fixture('guard_dog/timers.cjs'), env).exited
    t.equal(code, 0, err)
    const { fetches, delays, warnings } = JSON.parse(out)
    t.equal(fetches, expected, expected ? 'the first process fetches once' : 'the second process does not fetch')
    t.same(warnings, [], 'no TimeoutOverflowWarning')
    const longest = Math.max(...delays)
    t.ok(longest <= MAX_TIMER_MS && longest >= DAY_S * 1000, `a timer of ${longest} ms`)
  }
})

t.test('A guard_dog file with 34 days left causes no repeated loads', async (t) => {
  const DIR = temporary((end) => t.teardown(end))
  const old = { data: 'old', expires_in: 34 * DAY_S, gen_time: Date.now(), dir: '', ahead: 2 }
  writeFileSync(join(DIR, 'KEY.dog'), JSON.stringify(old))
  const { code, out, err } = await start(fixture('guard_dog/timers.cjs'), { DIR, LIFETIME: '60' }).exited
  t.equal(code, 0, err)
  t.match(JSON.parse(out), { value: 'old', fetches: 0, warnings: [] })
})

t.test('After a restart the refresh timer is set to the remaining time, not to the whole lifetime', async (t) => {
  const DIR = temporary((end) => t.teardown(end))
  const old = { data: 'old', expires_in: 7200, gen_time: Date.now() - 7100_000, dir: '', ahead: 10 }
  writeFileSync(join(DIR, 'KEY.dog'), JSON.stringify(old))
  const { out, err } = await start(fixture('guard_dog/timers.cjs'), { DIR, LIFETIME: '7200' }).exited
  t.match(JSON.parse(out), { value: 'old', fetches: 0 }, err)
  // 100 s remain, and the value is due 10 s before they end.
  const longest = Math.max(...JSON.parse(out).delays)
  t.ok(longest <= 90_000 && longest > 60_000, `a timer of ${longest} ms`)
})

t.test('After a restart the timer refreshes before the old value expires, without any call', async (t) => {
  const DIR = temporary((end) => t.teardown(end))
  const time = Date.now()
  const times = { fetchedAt: time - 96_000, expiresAt: time + 4000, ahead: 3 }
  const RECORD = JSON.stringify({ dotdog: 1, key: 'KEY', value: 'old', ...times, generation: 7 })
  writeFileSync(join(DIR, 'KEY.dog'), RECORD)
  const { code, out, err } = await start(fixture('guard_dog/restart.cjs'), { DIR, RECORD }).exited
  t.equal(code, 0, err)
  t.same(JSON.parse(out), { inTime: true })
  t.match(JSON.parse(readFileSync(join(DIR, 'KEY.dog'), 'utf8')), { value: 'new', generation: 8 })
})

for (const key of ['../X', '../../X', '../..', '.', 'a/b', 'a\\b', '/etc/X', 'C:\\X', '.lock/X', '.state']) {
  t.test(`The key ${key} stays inside the folder`, async (t) => {
    const { dir: outer } = setUp(t)
    const dir = join(outer, 'a/b')
    mkdirSync(dir, { recursive: true })
    const dog = dotdog.createDog({ dir })
    t.teardown(() => dog.close())
    dog.init(key, (handler) => handler('value', 60))
    t.equal(await dog.get(key), 'value')
    t.same(readdirSync(outer), ['a'])
    t.same(readdirSync(join(outer, 'a')), ['b'])
    t.equal(readdirSync(dir).filter((name) => name.endsWith('.dog')).length, 1)
    t.same(
      (await dog.status()).map((status) => status.key),
      [key],
    )
  })
}

t.test('The timers of a key do not keep the process alive, not even with a fresh value', async (t) => {
  const DIR = temporary((end) => t.teardown(end))
  const child = start(fixture('guard_dog/timers.cjs'), { DIR, LIFETIME: '7200', EXTRA: '{"refreshAhead":1}' })
  const { code, signal, out } = await child.exited
  t.same({ code, signal }, { code: 0, signal: null })
  const { delays } = JSON.parse(out)
  t.ok(Math.max(...delays) > 3_600_000, 'although a timer was set to hours')
})

t.test('A key without an init is ERR_DOG_NO_FETCHER, by promise and by callback', async (t) => {
  const { dog } = setUp(t)
  await t.rejects(dog.get('NOBODY'), { name: 'DogError', code: 'ERR_DOG_NO_FETCHER', key: 'NOBODY', message: /init/ })
  const given = await new Promise<DogError | undefined>((resolve) => dog.get('NOBODY', (_value, error) => resolve(error)))
  t.match(given, { code: 'ERR_DOG_NO_FETCHER' })
  await t.rejects(dog.refresh('NOBODY'), { code: 'ERR_DOG_NO_FETCHER' })
})
