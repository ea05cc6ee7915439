import { getEventListeners } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import type { Lease } from '../../index.js'
import { Memory } from '../../src/core/fetch/memory.js'
import { DIST_ENTRY, start } from '../support/children.js'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import {
  countingFetcher,
  createDog,
  createTestDog,
  DogError,
  fileStore,
  memoryStore,
  overriding,
  storeOnFullDisk,
} from '../support/test-dog.js'
import { deferred, pause, until } from '../support/timing.js'

t.test('A record of another account stays foreign when the key was read before its init', async (t) => {
  const dir = temporaryFolder(t)
  const theirs = createDog({ dir })
  theirs.init('K', async () => ({ value: 'token-of-A', expiresIn: 7200 }), { identity: 'wxA' })
  await theirs.get('K')
  const mine = createDog({ dir })
  mine.peek('K')
  mine.init('K', async () => ({ value: 'token-of-B', expiresIn: 7200 }), { identity: 'wxB' })
  await t.rejects(mine.get('K'), { code: 'ERR_DOG_IDENTITY' })
})

t.test('peek without a key throws a TypeError, also after a repeated init of another key', async (t) => {
  const dog = createDog({ dir: temporaryFolder(t) })
  const fetcher = async () => ({ value: 'secret-1', expiresIn: 7200 })
  dog.init('K', fetcher)
  await dog.get('K')
  dog.init('K', fetcher, { encryptionKey: '1f'.repeat(32) })
  t.throws(() => dog.peek(undefined as never), TypeError)
})

t.test('A file whose name is too long for a key does not disturb listeners of change', async (t) => {
  const dir = temporaryFolder(t)
  const script = join(dir, 'listen.cjs')
  writeFileSync(
    script,
    `const { writeFileSync } = require('node:fs')
    const dog = require(process.env.ENTRY).createDog({ dir: process.env.DIR })
    dog.on('change', ({ key }) => key === 'K' && (console.log('changed'), process.exit()))
    dog.init('K', async () => ({ value: 'value', expiresIn: 7200 }))
    dog.get('K').then(() => setTimeout(() => {
      writeFileSync(process.env.DIR + '/' + 'x'.repeat(150) + '.dog', '{}')
      setTimeout(() => dog.refresh('K'), 300)
    }, 500))
    setTimeout(() => process.exit(3), 20000)`,
  )
  const { code, out, err } = await start(script, { DIR: join(dir, '.dog'), ENTRY: DIST_ENTRY }).exited
  t.strictSame({ code, out, err }, { code: 0, out: 'changed\n', err: '' })
})

t.test('A new folder gets its .gitignore even if another process uses it before it is complete', async (t) => {
  const dir = join(temporaryFolder(t), '.dog')
  const other = join(dir, '..', 'other.cjs')
  writeFileSync(
    other,
    `require(${JSON.stringify(DIST_ENTRY)}).createDog({ dir: ${JSON.stringify(dir)} }).set('B', 'v', { expiresIn: 60 })`,
  )
  const script = join(dir, '..', 'first.cjs')
  writeFileSync(
    script,
    `const fs = require('node:fs')
    const real = fs.mkdirSync
    fs.mkdirSync = (path, options) => {
      fs.mkdirSync = real
      const made = real(path, options)
      require('node:child_process').spawnSync(process.execPath, [${JSON.stringify(other)}], { stdio: 'inherit' })
      return made
    }
    require(${JSON.stringify(DIST_ENTRY)}).createDog({ dir: ${JSON.stringify(dir)} }).set('A', 'v', { expiresIn: 60 })`,
  )
  t.match(await start(script, {}).exited, { code: 0, err: '' })
  t.strictSame(readdirSync(dir).sort(), ['.gitignore', '.lock', '.state', 'A.dog', 'B.dog'])
})

t.test('The message of a DogError that a fetcher creates itself is redacted like any other', async (t) => {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir })
  dog.init('K', async () => {
    throw new DogError('ERR_DOG_FETCH_RESULT', 'no token from https://host/path?secret=S3CRETS3CRET')
  })
  const error = await dog.get('K').catch((error: Error) => error)
  t.notMatch(String(error), 'S3CRETS3CRET')
  t.notMatch(readFileSync(join(dir, '.state/K.json'), 'utf8'), 'S3CRETS3CRET')
})

t.test('A Memory that has read nothing has no stored version for an undefined record', async (t) => {
  const memory = new Memory()
  memory.adopt({ key: 'K', value: 'v', fetchedAt: 0, expiresAt: 8e15, ahead: 0, generation: 7 })
  t.equal(memory.storedVersionOf(undefined), undefined)
})

t.test('A waiter gets a value that was committed as it began to wait, even though the next fetch has begun', async (t) => {
  const inner = memoryStore()
  const first = (await inner.acquire('K', 30))!
  let later: Lease | undefined
  const store = overriding(inner, {
    // Commits after the dog has read the record and before it begins to wait.
    holder: async (key) => {
      if (later === undefined) {
        const now = Date.now()
        const record = {
          key,
          value: 'v1',
          fetchedAt: now,
          expiresAt: now + 3_600_000,
          ahead: 0,
          generation: first.fencingToken,
        }
        await first.commit(record)
        later = await inner.acquire(key, 30)
      }
      return await inner.holder!(key)
    },
  })
  const dog = createDog({ store })
  dog.on('change', () => {})
  dog.init('K', countingFetcher())
  t.equal(await Promise.race([dog.get('K'), pause(2000)]), 'v1')
  await later!.release()
  await dog.close()
})

t.test('A waiter does not busy-loop when a damaged record stands before a file of guard_dog', async (t) => {
  const dir = temporaryFolder(t)
  const own = join(dir, '.dog')
  mkdirSync(own, { mode: 0o700 })
  writeFileSync(join(own, 'K.dog'), 'torn', { mode: 0o600 })
  writeFileSync(join(dir, 'K.dog'), JSON.stringify({ data: 'old', expires_in: 1, gen_time: Date.now() - 9000 }), {
    mode: 0o600,
  })
  const script = join(dir, 'wait.cjs')
  writeFileSync(
    script,
    `process.chdir(${JSON.stringify(dir)})
    const fs = require('node:fs')
    let polls = 0
    for (const name of ['openSync', 'statSync', 'lstatSync']) {
      const real = fs[name]
      fs[name] = (...args) => (polls++, real(...args))
    }
    const dog = require(process.env.ENTRY)
    dog.init('K', async () => ({ value: 'mine', expiresIn: 7200 }))
    dog.on('wait', () => setTimeout(() => (console.log(polls), process.exit()), 1000))
    dog.get('K')`,
  )
  const lease = (await fileStore({ dir: own }).acquire('K', 30))!
  const { code, out } = await start(script, { DOTDOG_DIR: own, ENTRY: DIST_ENTRY }).exited
  await lease.release()
  t.equal(code, 0)
  // The waiter polls up to forty times a second, and checks the holder at some of these polls.
  t.ok(Number(out) > 0 && Number(out) < 1000, `${out.trim()} polls in a second`)
})

t.test('A DogError with another ERR_DOG code that a fetcher creates itself is redacted, too', async (t) => {
  for (const code of ['ERR_DOG_STORE', 'ERR_DOG_CYCLE', 'ERR_DOG_CLOSED'] as const) {
    const dog = createDog({ store: memoryStore() })
    dog.init('K', async () => {
      const made = new DogError(code, 'no token from https://host/path?secret=S3CRETS3CRET', { path: '/tmp/x' })
      throw Object.assign(made, { url: 'https://host/path?secret=S3CRETS3CRET' })
    })
    const error = await dog.get('K').catch((error: Error) => error)
    t.match(error, { code, key: 'K', path: '/tmp/x' })
    t.notMatch(inspect(error, { showHidden: true, depth: 9 }), 'S3CRETS3CRET')
  }
})

const aborted = async () => {
  throw new DOMException('This operation was aborted', 'AbortError')
}

t.test('A single fetch that its own process aborted records no failure, and a waiter fetches at once', async (t) => {
  const { dog, another } = createTestDog(t)
  const asked = deferred()
  const end = deferred()
  dog.init('K', async () => {
    asked.resolve()
    await end.promise
    return await aborted()
  })
  const waiter = another()
  const fetcher = countingFetcher()
  waiter.init('K', fetcher)
  const first = rejectionOf(dog.get('K'))
  await asked.promise
  const second = waiter.get('K')
  await pause(50)
  end.resolve()
  const error = await first
  t.match(error, { code: 'ERR_DOG_FETCH', retryAt: undefined })
  t.equal(await second, 'v1')
  t.equal((await dog.status())[0]?.failure, undefined)
})

t.test('Two aborted fetches in a row count as an upstream that hangs, and all processes back off', async (t) => {
  const { dog, another } = createTestDog(t)
  let calls = 0
  const fetcher = async () => {
    calls++
    await pause(20)
    return await aborted()
  }
  const dogs = [dog, another(), another(), another(), another(), another()]
  for (const one of dogs) one.init('K', fetcher as never)
  const errors = await Promise.all(dogs.map((one) => rejectionOf(one.get('K'))))
  t.equal(calls, 2)
  t.equal(errors.filter(({ retryAt }) => retryAt !== undefined).length, 5)
  t.equal((await rejectionOf(dog.get('K'))).code, 'ERR_DOG_FETCH')
  t.equal(calls, 2)
})

t.test('A long-lived AbortSignal keeps no reference to calls that have ended', async (t) => {
  const { dog } = createTestDog(t)
  const end = deferred()
  dog.init('K', async () => {
    await end.promise
    return { value: 'v', expiresIn: 7200 }
  })
  const warnings: Error[] = []
  const onWarning = (warning: Error) => warnings.push(warning)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const { signal } = new AbortController()
  const calls = Array.from({ length: 100 }, () => dog.get('K', { signal }))
  end.resolve()
  await Promise.all(calls)
  await pause(10)
  t.ok(getEventListeners(signal, 'abort').length <= 1)
  const dependants = Object.getOwnPropertySymbols(signal).find((symbol) => symbol.description === 'kDependantSignals')
  t.notOk(dependants && (signal as never as Record<symbol, Set<unknown>>)[dependants]?.size)
  t.strictSame(warnings, [])
})

t.test('A value that could not be stored leaves no wait for another holder behind', async (t) => {
  const inner = memoryStore()
  let waiting = 0
  let isFull = true
  const full = storeOnFullDisk(inner, () => isFull)
  const store = overriding(full, {
    waitForChange: async (...args) => {
      waiting++
      await full.waitForChange(...args)
      waiting--
    },
  })
  const dog = createDog({ store })
  t.teardown(() => dog.close())
  dog.init('K', countingFetcher())
  t.equal(await dog.get('K'), 'v1')
  isFull = false
  const lease = (await inner.acquire('K', 30))!
  for (const end = Date.now() + 2500; Date.now() < end; await pause(50)) t.equal(await dog.get('K'), 'v1')
  t.equal(waiting, 0)
  await lease.release()
  await until(async () => (await dog.get('K')) === 'v1' && (await inner.read('K'))?.value === 'v1')
})
