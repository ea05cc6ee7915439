import t, { type Test } from 'tap'
import type { Dog } from '../../index.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

/** Changes that no event told of: of a key that nobody had read, of a dog without a store, after a close. */

/** Milliseconds. An event that does not come in this time does not come: it takes a tenth of a second at most. */
const NEVER = 4000

interface Pack {
  writer: Dog
  listener: Dog
  /** Starts to listen: once, as a program does. */
  listen(): void
  /** Whether the listener is told of a change of the key. */
  told(key: string): Promise<boolean>
  /** A watcher takes a moment to start, and says nothing when it has: a key of its own is changed until it is told of. */
  watching(): Promise<boolean>
}

async function pack(t: Test): Promise<Pack> {
  const dir = temporaryFolder(t)
  const writer = createDog({ dir })
  const listener = createDog({ dir })
  t.teardown(() => Promise.all([writer.close(), listener.close()]))
  await writer.set('K', 'first', { expiresIn: 60 })
  let changed: string[] = []
  const told = async (key: string, wait = NEVER) => {
    changed = []
    await writer.set(key, `${performance.now()}`, { expiresIn: 60 })
    const deadline = performance.now() + wait
    while (!changed.includes(key) && performance.now() < deadline) await pause(5)
    // What is still to come of this change must not be taken for the next.
    await pause(100)
    return changed.includes(key)
  }
  return {
    writer,
    listener,
    listen: () => listener.on('change', ({ key }) => changed.push(key)),
    told,
    watching: async () => {
      for (let i = 0; i < 20; i++) if (await told('SENTINEL', NEVER / 20)) return true
      return false
    },
  }
}

t.test('a dog that touched no store yet tells of changes', async (t) => {
  const { listen, watching, told } = await pack(t)
  listen()
  t.ok(await watching())
  t.ok(await told('K'), 'of the first change of a key that is there')
  t.ok(await told('NEW'), 'of a new key')
})

t.test('the first change of a key that nobody read here is told of, as is the second', async (t) => {
  const { listener, listen, watching, told } = await pack(t)
  listen()
  listener.init('OTHER', async () => ({ value: 'v', expiresIn: 60 }))
  t.ok(await watching())
  for (const key of ['K', 'NEW']) {
    t.ok(await told(key), `the first of ${key}`)
    t.ok(await told(key), `the second of ${key}`)
  }
})

t.test('a dog that was closed and reopened by init tells of changes again', async (t) => {
  const { listener, listen, watching, told } = await pack(t)
  const init = () => listener.init('K', async () => ({ value: 'v', expiresIn: 60 }))
  init()
  t.equal(await listener.get('K'), 'first')
  listen()
  t.ok(await watching())
  await listener.close()
  init()
  t.match(await listener.get('K'), /./)
  t.ok(await watching())
  t.ok(await told('K'))
})
