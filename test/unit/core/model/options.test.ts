import { resolve } from 'node:path'
import t, { type Test } from 'tap'
import type { KeyOptions } from '../../../../index.js'
import { checkDogOptions, checkGetOptions, checkKey, checkKeyOptions, configOf } from '../../../../src/core/model/options.js'
import { MemoryStore } from '../../../../src/core/stores/memory-store.js'

/** Gives the message of the TypeError that the task must throw. */
function typeErrorOf(t: Test, task: () => unknown): string {
  try {
    task()
  } catch (error) {
    t.equal((error as Error).name, 'TypeError')
    return (error as Error).message
  }
  t.fail(`must throw: ${task}`)
  return ''
}
const keyOptionsError = (t: Test, options: unknown) => typeErrorOf(t, () => checkKeyOptions(options, {}))

t.test('A wrong option throws a TypeError with its name, the rule, the value and its type', async (t) => {
  const table: [unknown, RegExp][] = [
    [{ timeout: '30' }, /^timeout must be a number of seconds, at most 600; got "30" \(string\)$/],
    [{ timeout: 0 }, /^timeout must be .*; got 0 \(number\)$/],
    [{ timeout: -1 }, /^timeout /],
    [{ timeout: Number.NaN }, /^timeout .*NaN/],
    [{ timeout: null }, /^timeout .*got null \(null\)$/],
    [{ refreshAhead: -1 }, /^refreshAhead must be a number of seconds, 0 or more; got -1 \(number\)$/],
    [{ refreshAhead: '2' }, /^refreshAhead .*"2" \(string\)$/],
    [{ refreshAhead: Number.NaN }, /^refreshAhead /],
    [{ identity: '' }, /^identity must be a string that is not empty; got "" \(string\)$/],
    [{ identity: 7 }, /^identity .*7 \(number\)$/],
    [{ dir: '' }, /^dir must be the path of a folder; got ""/],
    [{ dir: 1 }, /^dir /],
    [{ dir: ['x'] }, /^dir .*got an array \(array\)$/],
    [{ store: {} }, /^store must be a store, with a list of its capabilities; got object$/],
    [{ store: null }, /^store /],
    [{ store: 'redis' }, /^store .*; got string$/],
    [{ quota: 5 }, /^quota must be \{ limit, window \}.*; got 5 \(number\)$/],
    [{ quota: {} }, /^quota /],
    [{ quota: null }, /^quota /],
    [{ quota: { limit: 0 } }, /^quota /],
    [{ quota: { limit: 1.5 } }, /^quota /],
    [{ quota: { limit: '5' } }, /^quota /],
    [{ quota: { limit: 1, window: 0 } }, /^quota /],
    [{ quota: { limit: 1, window: 'day' } }, /^quota /],
    [{ autoRefresh: 1 }, /^autoRefresh must be true or false; got 1 \(number\)$/],
    [{ followOnly: 'no' }, /^followOnly must be true or false; got "no" \(string\)$/],
    [{ isRejected: /40001/ }, /^isRejected must be a function; got an object \(object\)$/],
  ]
  for (const [options, message] of table) t.match(keyOptionsError(t, options), message)
})

t.test('Values at the limits are accepted', async (t) => {
  const good: KeyOptions[] = [
    { timeout: 600 },
    { timeout: 0.001 },
    { refreshAhead: 0 },
    { quota: { limit: 1 } },
    { quota: { limit: 1, window: 0.5 } },
    { followOnly: true, autoRefresh: true },
    { timeout: undefined, dir: undefined },
  ]
  for (const options of good) t.doesNotThrow(() => checkKeyOptions(options, {}))
})

t.test('The error for a time-out over 600 says that it is in seconds', async (t) => {
  for (const timeout of [600.001, 30_000, Number.POSITIVE_INFINITY])
    t.match(keyOptionsError(t, { timeout }), /seconds, at most 600/)
})

t.test('The error for a misspelled option names it and suggests the right one', async (t) => {
  t.match(keyOptionsError(t, { timeOut: 30 }), /^unknown option "timeOut" of init; did you mean "timeout"\?/)
  t.match(keyOptionsError(t, { mode: 0o600 }), /^unknown option "mode"/, "the mode of the files is the dog's")
  for (const name of ['constructor', 'toString', 'hasOwnProperty'])
    t.match(keyOptionsError(t, { [name]: 1 }), /^unknown option/)
  t.match(
    typeErrorOf(t, () => checkDogOptions({ folder: 'x' })),
    /^unknown option "folder".*mode/,
  )
})

t.test('dir and store exclude each other', async (t) => {
  const both = { dir: 'x', store: new MemoryStore() }
  t.match(keyOptionsError(t, both), /dir and store exclude each other/)
  t.match(
    typeErrorOf(t, () => checkDogOptions(both)),
    /dir and store exclude each other/,
  )
})

t.test('Options that are no object are refused', async (t) => {
  for (const options of [1, true, [], () => {}])
    t.match(keyOptionsError(t, options), /^the options of \w+ must be an object; got \w+$/)
  for (const options of [1, 'dir', null, []])
    t.match(
      typeErrorOf(t, () => checkDogOptions(options)),
      /^the options of \w+ must be an object/,
    )
})

t.test('A mode that lets other users write is refused', async (t) => {
  for (const mode of [0o600, 0o640, 0o660]) t.equal(checkDogOptions({ mode }).mode, mode)
  for (const mode of [0o644, 0o666, 0o777, 0, 600, '0600', null]) {
    t.match(
      typeErrorOf(t, () => checkDogOptions({ mode })),
      /^mode must be 0o600, 0o640 or 0o660; got/,
    )
  }
})

t.test("The options of a key override those of the dog, and its dir or store replaces the dog's", async (t) => {
  const store = new MemoryStore()
  const dog = { dir: '/dog', refreshAhead: 5, timeout: 7, identity: 'wx1', mode: 0o640 }
  t.same(checkKeyOptions(undefined, dog), { dir: '/dog', store: undefined, refreshAhead: 5, timeout: 7, identity: 'wx1' })
  t.same(checkKeyOptions(null, dog), checkKeyOptions({}, dog))
  t.match(checkKeyOptions({ refreshAhead: 0, timeout: undefined }, dog), { refreshAhead: 0, timeout: 7 })
  t.equal(checkKeyOptions({ dir: '/own' }, dog).dir, resolve('/own'))
  const own = checkKeyOptions({ store }, dog)
  t.equal(own.store, store)
  t.equal(own.dir, undefined)
  t.equal(checkKeyOptions({ dir: 'relative' }, { store }).store, undefined)
  t.equal(checkKeyOptions({ dir: 'relative' }, {}).dir, resolve('relative'))
})

t.test('A text instead of options is the folder, as in guard_dog, and an empty text means no folder', async (t) => {
  t.equal(checkKeyOptions('/folder', {}).dir, resolve('/folder'))
  t.equal(checkKeyOptions('', { dir: '/dog' }).dir, '/dog')
})

t.test("The caller's options are not changed", async (t) => {
  const dog = Object.freeze({ dir: 'x', quota: Object.freeze({ limit: 1 }) })
  const key = Object.freeze({ dir: 'y', timeout: 5 })
  checkKeyOptions(key, checkDogOptions(dog))
  configOf(undefined, dog)
  t.same(
    [dog, key],
    [
      { dir: 'x', quota: { limit: 1 } },
      { dir: 'y', timeout: 5 },
    ],
  )
})

t.test('The defaults are a time-out of 30 s, a quota window of a day, fetching, and no autoRefresh', async (t) => {
  const config = configOf(undefined, {})
  t.match(config, {
    timeout: 30,
    window: 86_400,
    followOnly: false,
    autoRefresh: false,
    refreshAhead: undefined,
    quota: undefined,
  })
  t.same(configOf(undefined, { quota: { limit: 3 } }).quota, { limit: 3, window: 86_400 })
})

t.test('A key has 1 to 120 characters', async (t) => {
  for (const key of ['K', '../X', '中', 'k'.repeat(120), ' ']) t.doesNotThrow(() => checkKey(key))
  for (const key of ['', 'k'.repeat(121), undefined, null, 1, {}, ['K'], '\ud800']) {
    t.match(
      typeErrorOf(t, () => checkKey(key)),
      key === ''
        ? /^key must be a string of 1 to 120 characters; got "" \(string\)$/
        : /^key must be a string of 1 to 120 characters; got \w+$/,
    )
  }
})

t.test('The options of get are checked', async (t) => {
  const { signal } = new AbortController()
  t.same(checkGetOptions('get', { minTtl: 0, signal }), { minTtl: 0, signal })
  for (const minTtl of [-1, Number.NaN, '5', null])
    t.match(
      typeErrorOf(t, () => checkGetOptions('get', { minTtl })),
      /^minTtl must be/,
    )
  for (const other of [{}, null, true])
    t.match(
      typeErrorOf(t, () => checkGetOptions('get', { signal: other })),
      /^signal must be/,
    )
  for (const options of [1, 'x', []])
    t.match(
      typeErrorOf(t, () => checkGetOptions('get', options)),
      /^the options of \w+ must be an object/,
    )
})
