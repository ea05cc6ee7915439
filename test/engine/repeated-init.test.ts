// A second init of a key: with other encryption keys, another folder, or after a close.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../support/temporary-folder.js'
import { countingFetcher, createDog, memoryStore, nextEvent, storeOnFullDisk } from '../support/test-dog.js'
import { deferred, pause, until } from '../support/timing.js'

const KEY = '1f'.repeat(32)

t.test('A second init ends the autoRefresh of the options before', async (t) => {
  const store = memoryStore()
  const dog = createDog({ store })
  t.teardown(() => dog.close())
  const before = countingFetcher({ expiresIn: 0.3, refreshAhead: 0.1 })
  const after = countingFetcher({ expiresIn: 0.3, refreshAhead: 0.1 })
  dog.init('K', before, { autoRefresh: true })
  await dog.get('K')
  dog.init('K', after, { encryptionKey: KEY })
  const { count } = before.calls
  await pause(1000)
  t.equal(before.calls.count, count)
  t.equal(after.calls.count, 0, 'the new options have no autoRefresh')
  dog.init('K', after, { encryptionKey: KEY, autoRefresh: true })
  await dog.get('K')
  await until(() => after.calls.count > 1)
  t.equal(before.calls.count, count)
})

t.test('close waits for a fetch that began before the second init', async (t) => {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir })
  const asked = deferred()
  dog.init('K', async () => {
    asked.resolve()
    await pause(200)
    return { value: 'v1', expiresIn: 7200 }
  })
  const got = dog.get('K')
  await asked.promise
  dog.init('K', countingFetcher(), { encryptionKey: KEY })
  await dog.close()
  t.match(readFileSync(join(dir, 'K.dog'), 'utf8'), '"generation"', 'the value is stored when close ends')
  t.equal(await got, 'v1')
})

t.test('A call after a second init does not join the wait of the first', async (t) => {
  const dir = temporaryFolder(t)
  const theirs = createDog({ dir })
  const mine = createDog({ dir: join(dir, 'mine') })
  t.teardown(() => Promise.all([theirs.close(), mine.close()]))
  theirs.init('K', countingFetcher())
  await theirs.get('K')
  // The first get follows the key in the folder of `mine`; the init then moves the key to the other
  // folder.
  const following = mine.get('K').catch((error: { code: string }) => error.code)
  mine.init('K', countingFetcher(), { dir })
  t.equal(await mine.get('K'), 'v1')
  t.equal(await following, 'ERR_DOG_NO_FETCHER')
})

t.test('A value that could not be stored is kept over a second init, and written with the new encryption key', async (t) => {
  const inner = memoryStore()
  let isFull = true
  const store = storeOnFullDisk(inner, () => isFull)
  const dog = createDog({ store })
  t.teardown(() => dog.close())
  const fetcher = countingFetcher()
  dog.init('K', fetcher)
  t.equal(await dog.get('K'), 'v1')
  dog.init('K', fetcher, { encryptionKey: KEY })
  t.equal(await dog.get('K'), 'v1')
  t.equal(fetcher.calls.count, 1)
  isFull = false
  await until(async () => (await dog.get('K')) === 'v1' && (await inner.read('K'))?.sealed !== undefined)
  t.equal(fetcher.calls.count, 1)
})

t.test('init of one key reopens the whole dog, and the autoRefresh of its other keys resumes', async (t) => {
  const dog = createDog({ store: memoryStore() })
  t.teardown(() => dog.close())
  const fetcher = countingFetcher({ expiresIn: 0.3, refreshAhead: 0.1 })
  dog.init('K', fetcher, { autoRefresh: true })
  await dog.get('K')
  await dog.close()
  const { count } = fetcher.calls
  await pause(500)
  t.equal(fetcher.calls.count, count, 'a closed dog refreshes nothing')
  const other = countingFetcher()
  dog.init('OTHER', other)
  // autoRefresh does not fetch a value that expired meanwhile; this call does.
  await dog.get('K')
  await until(() => fetcher.calls.count > count + 2)
  t.equal(other.calls.count, 0, 'a key that was never read is not fetched')
})

t.test('A change event from the folder of another key does not bind its key to that folder', async (t) => {
  const dir = temporaryFolder(t)
  const elsewhere = temporaryFolder(t)
  const home = createDog({ dir })
  const away = createDog({ dir: elsewhere })
  home.init('K', async () => ({ value: 'home', expiresIn: 7200 }))
  away.init('K', async () => ({ value: 'away', expiresIn: 7200 }))
  await home.get('K')
  const dog = createDog({ dir })
  t.teardown(() => dog.close())
  dog.init('X', countingFetcher(), { dir: elsewhere })
  const changed = nextEvent(dog, 'change', ({ key }) => key === 'K')
  const timer = setInterval(() => away.refresh('K'), 100)
  t.type((await changed).generation, 'number')
  clearInterval(timer)
  t.equal(await dog.get('K'), 'home')
})

t.test('peek without a key throws a TypeError, also after a repeated init of another key', async (t) => {
  const dog = createDog({ dir: temporaryFolder(t) })
  const fetcher = async () => ({ value: 'secret-1', expiresIn: 7200 })
  dog.init('K', fetcher)
  await dog.get('K')
  dog.init('K', fetcher, { encryptionKey: '1f'.repeat(32) })
  t.throws(() => dog.peek(undefined as never), TypeError)
})

t.test('An init reaches a get that is already under way', async (t) => {
  const dog = createDog({ store: memoryStore() })
  const waiting = dog.get('K')
  dog.init('K', async () => ({ value: 'fetched', expiresIn: 60 }))
  t.equal(await waiting, 'fetched')
  await dog.close()
})
