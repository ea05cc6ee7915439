// Encryption around a store keeps what that store can do: its optional members, and fetches made elsewhere.
import t from 'tap'
import type { DogRecord, Store, StoreCapability } from '../../index.js'
import { type CipherKey, encryptRecord, toCipherKey } from '../../src/core/model/encryption.js'
import { EncryptedStore } from '../../src/core/stores/encrypted-store.js'
import { FileStore } from '../../src/core/stores/file/store.js'
import { MemoryStore } from '../../src/core/stores/memory-store.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'

const KEY: CipherKey = toCipherKey(Buffer.alloc(32, 7))
const OPTIONAL: readonly StoreCapability[] = ['holder', 'watch', 'refresh', 'onWarning', 'path', 'forget']

const recordOf = (value: string, generation: number): DogRecord => ({
  ...{ key: 'K', value, fetchedAt: Date.now(), expiresAt: Date.now() + 60_000, ahead: 0, generation },
})

/** A store like `remoteStore`: values are fetched elsewhere, and nothing is written from here. */
class RemoteStub implements Store {
  readonly name = 'stub'
  readonly capabilities: readonly StoreCapability[] = ['refresh']
  readonly wishes: unknown[] = []
  record: DogRecord | undefined
  readonly #seal: (record: DogRecord) => DogRecord

  constructor(seal: (record: DogRecord) => DogRecord = (record) => record) {
    this.#seal = seal
  }

  read(): DogRecord | undefined {
    return this.record
  }

  readLedger(): undefined {}

  async refresh(_key: string, wish: unknown): Promise<DogRecord> {
    this.wishes.push(wish)
    const generation = (this.record?.generation ?? 0) + 1
    this.record = this.#seal(recordOf(`value-${generation}`, generation))
    return this.record
  }

  async acquire(): Promise<undefined> {
    throw new Error('nothing is written from here')
  }

  async waitForChange(): Promise<void> {}
  async *keys(): AsyncIterable<string> {}
  async close(): Promise<void> {}
}

const encrypted = (inner: Store): EncryptedStore => new EncryptedStore(inner, [KEY], () => false)

t.test('a dog with an encryptionKey gets and refreshes values that its store fetches elsewhere', async (t) => {
  for (const [what, store] of [
    ['plain', new RemoteStub()],
    ['sealed', new RemoteStub((record) => encryptRecord(record, KEY))],
  ] as const) {
    const dog = createDog({ store, encryptionKey: KEY.bytes })
    t.teardown(() => dog.close())
    t.equal(await dog.get('K'), 'value-1', what)
    t.equal(await dog.get('K'), 'value-1', what)
    t.equal(await dog.refresh('K'), 'value-2', what)
    t.equal(await dog.get('K'), 'value-2', what)
    t.equal(store.wishes.length, 2, what)
  }
})

t.test('refresh of an encrypted store passes the request on, and decrypts the answer', async (t) => {
  const inner = new RemoteStub((record) => encryptRecord(record, KEY))
  const store = encrypted(inner)
  const wish = { rejected: 'value-0', after: 3, force: true }
  const record = await store.refresh!('K', wish, new AbortController().signal)
  t.match(record, { key: 'K', value: 'value-1', generation: 1 })
  t.notOk('sealed' in record)
  t.same(inner.wishes, [wish])
})

t.test('an encrypted store has exactly the capabilities of the store below', async (t) => {
  const stores: [Store, StoreCapability[]][] = [
    [new MemoryStore(), ['holder', 'watch', 'forget']],
    [new FileStore(temporaryFolder(t), undefined), ['holder', 'watch', 'onWarning', 'path', 'forget']],
    [new RemoteStub(), ['refresh']],
  ]
  for (const [inner, expected] of stores) {
    const store = encrypted(inner)
    t.same([...store.capabilities].sort(), [...expected].sort(), inner.name)
    t.same(store.capabilities, inner.capabilities, inner.name)
    for (const capability of OPTIONAL) {
      t.equal(typeof store[capability] === 'function', expected.includes(capability), `${inner.name}: ${capability}`)
      t.equal(typeof inner[capability] === 'function', expected.includes(capability), `${inner.name} itself: ${capability}`)
    }
  }
})

t.test('the optional members of an encrypted store are those of the store below', async (t) => {
  const inner = new FileStore(temporaryFolder(t), undefined)
  const store = encrypted(inner)
  t.equal(store.path!('K'), inner.path('K'))
  t.equal(await store.holder!('K'), undefined)
  const lease = (await store.acquire('K', 30))!
  t.equal((await store.holder!('K'))?.fencingToken, lease.fencingToken)
  await lease.release()

  const memory = new MemoryStore()
  const changes: string[] = []
  const stop = encrypted(memory).watch!((key) => changes.push(key))
  await (await memory.acquire('K', 30))!.commit(recordOf('value', 1))
  stop()
  await (await memory.acquire('K', 30))!.commit(recordOf('value', 2))
  t.same(changes, ['K'])

  const warnings: unknown[] = []
  const listening = Object.assign(new RemoteStub(), {
    capabilities: ['refresh', 'onWarning'] as const,
    onWarning: (listener: (warning: never) => void) => listener({ code: 'ERR_DOG_STORE' } as never),
  })
  encrypted(listening).onWarning!((warning) => warnings.push(warning))
  t.match(warnings, [{ code: 'ERR_DOG_STORE' }])
})

t.test('disposing of a store closes it, and disposing of an encrypted store closes the one below', async (t) => {
  for (const inner of [new MemoryStore(), new FileStore(temporaryFolder(t), undefined), new RemoteStub()]) {
    let closes = 0
    const close = inner.close.bind(inner)
    inner.close = async () => {
      closes++
      await close()
    }
    const store = encrypted(inner)
    await store[Symbol.asyncDispose]()
    t.equal(closes, 1, inner.name)
    if (Symbol.asyncDispose in inner) await inner[Symbol.asyncDispose]()
    t.equal(closes, inner.name === 'stub' ? 1 : 2, inner.name)
  }
})
