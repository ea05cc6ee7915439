// Waiting for a holder in another dog or process.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Lease } from '../../index.js'
import { DIST_ENTRY, start } from '../support/children.js'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { countingFetcher, createDog, createTestDog, fileStore, memoryStore, overriding } from '../support/test-dog.js'
import { deferred, pause } from '../support/timing.js'

/** A waiter that joined the wait of another one late was once ended together with it. */
t.test('A waiter that joins a running wait late has its own full time limit', async (t) => {
  const { dog, another } = createTestDog(t, { timeout: 30 })
  const hold = deferred()
  const begun = deferred()
  dog.init('K', async () => {
    begun.resolve()
    await hold.promise
    return { value: 'v', expiresIn: 3600 }
  })
  const fetched = dog.get('K')
  await begun.promise

  // A get ends within 2.4 s here: twice the time-out, and 2 s.
  const waiter = another({ timeout: 0.2 })
  waiter.init('K', countingFetcher())
  const early = rejectionOf(waiter.get('K'))
  await pause(1800)
  let isOver = false
  const late = waiter.get('K').finally(() => (isOver = true))
  late.catch(() => {})
  t.match(await early, { code: 'ERR_DOG_WAIT_TIMEOUT' })
  await pause(100)
  t.equal(isOver, false, 'the second waiter still waits')
  hold.resolve()
  t.equal(await late, 'v')
  t.equal(await fetched, 'v')
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
