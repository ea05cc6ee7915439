import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Dog } from '../../index.js'
import { DIST_ENTRY, start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

/**
 * Changes that once caused no event: of a key that was never read, of a dog without a store, and
 * after a close.
 */

/**
 * An event takes a tenth of a second at most, so that one which has not come by then will not come.
 */
const EVENT_TIMEOUT_MS = 4000

interface WriterAndListener {
  writer: Dog
  listener: Dog
  /** Adds the listener once, as a program does. */
  addListener(): void
  /** Resolves to whether the listener got a change event for the key. */
  isNotified(key: string): Promise<boolean>
  /**
   * Waits until the watcher works. A watcher takes a moment to start and gives no sign when it has,
   * so this changes a key of its own until an event comes.
   */
  untilWatching(): Promise<boolean>
}

async function writerAndListener(t: Test): Promise<WriterAndListener> {
  const dir = temporaryFolder(t)
  const writer = createDog({ dir })
  const listener = createDog({ dir })
  t.teardown(() => Promise.all([writer.close(), listener.close()]))
  await writer.set('K', 'first', { expiresIn: 60 })
  let changed: string[] = []
  const isNotified = async (key: string, wait = EVENT_TIMEOUT_MS) => {
    changed = []
    await writer.set(key, `${performance.now()}`, { expiresIn: 60 })
    const deadline = performance.now() + wait
    while (!changed.includes(key) && performance.now() < deadline) await pause(5)
    // A later event of this change must not be counted for the next change.
    await pause(100)
    return changed.includes(key)
  }
  return {
    writer,
    listener,
    addListener: () => listener.on('change', ({ key }) => changed.push(key)),
    isNotified,
    untilWatching: async () => {
      for (let i = 0; i < 20; i++) if (await isNotified('SENTINEL', EVENT_TIMEOUT_MS / 20)) return true
      return false
    },
  }
}

t.test('A dog that has touched no store yet emits change events', async (t) => {
  const { addListener, untilWatching, isNotified } = await writerAndListener(t)
  addListener()
  t.ok(await untilWatching())
  t.ok(await isNotified('K'), 'the first change of an existing key')
  t.ok(await isNotified('NEW'), 'a new key')
})

t.test('A dog emits the first and the second change of a key that it never read', async (t) => {
  const { listener, addListener, untilWatching, isNotified } = await writerAndListener(t)
  addListener()
  listener.init('OTHER', async () => ({ value: 'v', expiresIn: 60 }))
  t.ok(await untilWatching())
  for (const key of ['K', 'NEW']) {
    t.ok(await isNotified(key), `the first of ${key}`)
    t.ok(await isNotified(key), `the second of ${key}`)
  }
})

t.test('A dog that was closed and reopened by init emits change events again', async (t) => {
  const { listener, addListener, untilWatching, isNotified } = await writerAndListener(t)
  const init = () => listener.init('K', async () => ({ value: 'v', expiresIn: 60 }))
  init()
  t.equal(await listener.get('K'), 'first')
  addListener()
  t.ok(await untilWatching())
  await listener.close()
  init()
  t.match(await listener.get('K'), /./)
  t.ok(await untilWatching())
  t.ok(await isNotified('K'))
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
