import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { Store } from '../../index.js'
import { DIST_ENTRY } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { dotdog, overriding } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

const { createDog, fileStore, memoryStore } = dotdog

const STORES: [name: string, make: (dir: string) => Store][] = [
  ['memory', () => memoryStore()],
  ['file', (dir) => fileStore({ dir })],
]

for (const [name, make] of STORES) {
  t.test(`set ends a recorded failure and its back-off, in every process (${name} store)`, async (t) => {
    const store = make(temporaryFolder(t))
    const dog = createDog({ store })
    let login = 'revoked'
    dog.init('P', async () => {
      if (login === 'revoked') throw Object.assign(new Error('invalid_grant'), { retryAfter: 3600 })
      return { value: 'from the new login', expiresIn: 60 }
    })
    await t.rejects(dog.get('P'), { code: 'ERR_DOG_FETCH' })
    await t.rejects(dog.get('P'), { code: 'ERR_DOG_FETCH' }, 'the back-off holds')
    login = 'renewed'
    await dog.set('P', 'pushed', { expiresIn: 0.05 })
    t.equal((await store.readLedger('P'))?.failure, undefined)
    await pause(80)
    t.equal(await dog.get('P'), 'from the new login')
    await dog.close()
  })

  t.test(`a removal is not undone by the late answer of a fetch that began before it (${name} store)`, async (t) => {
    const store = make(temporaryFolder(t))
    const dog = createDog({ store })
    dog.init(
      'P',
      async () => {
        await pause(700)
        return { value: 'the old login', expiresIn: 60 }
      },
      { timeout: 0.3 },
    )
    await t.rejects(dog.get('P'), { code: 'ERR_DOG_FETCH_TIMEOUT' })
    t.equal(await dog.remove('P'), false, 'there is nothing to remove yet')
    await pause(900)
    t.equal(await store.read('P'), undefined)
    t.equal(dog.peek('P'), undefined)
    await dog.close()
  })

  t.test(`a late answer without a removal is stored as before (${name} store)`, async (t) => {
    const store = make(temporaryFolder(t))
    const dog = createDog({ store })
    dog.init('P', () => pause(700).then(() => ({ value: 'rotated', expiresIn: 60 })), { timeout: 0.3 })
    await t.rejects(dog.get('P'), { code: 'ERR_DOG_FETCH_TIMEOUT' })
    await pause(900)
    t.equal((await store.read('P'))?.value, 'rotated')
    await dog.close()
  })

  t.test(`after a removal a new fetch stores its value (${name} store)`, async (t) => {
    const dog = createDog({ store: make(temporaryFolder(t)) })
    let fetches = 0
    dog.init('P', async () => ({ value: `v${++fetches}`, expiresIn: 60 }))
    t.equal(await dog.get('P'), 'v1')
    t.equal(await dog.remove('P'), true)
    t.equal(await dog.get('P'), 'v2')
    t.equal(dog.peek('P')?.value, 'v2')
    await dog.close()
  })

  t.test(`read gives the value with its expiry in one step (${name} store)`, async (t) => {
    const dog = createDog({ store: make(temporaryFolder(t)) })
    const secret = dog.init('P', async () => ({ value: 'v', expiresIn: 60 }))
    const read = await dog.read('P')
    t.same(Object.keys(read).sort(), ['expiresAt', 'generation', 'value'])
    t.same(read, dog.peek('P'))
    t.same(await secret.read({ minTtl: 30 }), read)
    await t.rejects(dog.read('OTHER'), { code: 'ERR_DOG_NO_FETCHER' })
    t.throws(() => dog.read('P', { minTTL: 3 } as never), /did you mean "minTtl"/)
    await dog.close()
  })
}

t.test('a value whose lifetime was over on arrival is read once, with an expiry that is past', async (t) => {
  const dog = createDog({ store: memoryStore() })
  dog.init('P', async () => ({ value: 'v', expiresIn: 0 }))
  const { value, expiresAt } = await dog.read('P')
  t.equal(value, 'v')
  t.ok(expiresAt <= Date.now())
  await dog.close()
})

t.test('an aborted get of the last caller lets the process end, although another process goes on fetching', async (t) => {
  const folder = temporaryFolder(t)
  const dir = join(folder, '.dog')
  const holder = createDog({ dir })
  holder.init('P', () => pause(4000).then(() => ({ value: 'v', expiresIn: 60 })))
  const fetched = holder.get('P')
  await pause(300)
  const script = join(folder, 'aborts.cjs')
  writeFileSync(
    script,
    `const dog = require(${JSON.stringify(DIST_ENTRY)}).createDog({ dir: ${JSON.stringify(dir)} })
     dog.init('P', async () => ({ value: 'mine', expiresIn: 60 }))
     const get = () => dog.get('P', { signal: AbortSignal.timeout(200) }).catch((error) => console.log(error.name))
     Promise.all([get(), get()])`,
  )
  const begun = performance.now()
  const { stdout } = await promisify(execFile)(process.execPath, [script])
  t.equal(stdout, 'TimeoutError\nTimeoutError\n')
  t.ok(performance.now() - begun < 3000, 'it ended before the fetch of the other process')
  t.equal(await fetched, 'v')
  await holder.close()
})

t.test('A void late answer leaves a newer value alone that the store could not take', async (t) => {
  const store = memoryStore()
  const refusing = { commits: false }
  const faulty = overriding(store, {
    acquire: async (key: string, timeout: number) => {
      const lease = await store.acquire(key, timeout)
      return (
        lease &&
        overriding(lease, {
          commit: async (record) => {
            if (refusing.commits && record !== undefined) throw new Error('the disk is full')
            return await lease.commit(record)
          },
        })
      )
    },
  })
  const dog = createDog({ store: faulty })
  let fetches = 0
  dog.init(
    'P',
    async () => {
      const number = ++fetches
      if (number === 1) await pause(900)
      return { value: `v${number}`, expiresIn: 60 }
    },
    { timeout: 0.3 },
  )
  await t.rejects(dog.get('P'), { code: 'ERR_DOG_FETCH_TIMEOUT' })
  await dog.remove('P')
  refusing.commits = true
  t.equal(await dog.refresh('P', { force: true }), 'v2')
  await pause(1000)
  t.equal(await dog.get('P'), 'v2')
  t.equal(fetches, 2)
  await dog.close()
})

t.test('A removal begins no window of a quota', async (t) => {
  const store = memoryStore()
  const dog = createDog({ store })
  dog.init('P', async () => ({ value: 'v', expiresIn: 0 }), { quota: { limit: 1, window: 1 } })
  await dog.remove('P')
  await pause(700)
  await dog.get('P')
  await pause(500)
  await t.rejects(dog.get('P'), { code: 'ERR_DOG_QUOTA' }, 'the window began with the fetch')
  await dog.close()
})
