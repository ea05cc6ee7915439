/** Dogs of the built package, as its users have it, and fetchers and stores for them. */
import { createRequire } from 'node:module'
import type { Test } from 'tap'
import type { Dog, DogEvent, DogEvents, DogOptions, DogRecord, Fetcher, Result, Store } from '../../index.js'
import { DIST_ENTRY } from './children.js'
import { deferred, pause } from './timing.js'
import './built.js'

export const dotdog: typeof import('../../index.js') = createRequire(import.meta.url)(DIST_ENTRY)
export const { createDog, memoryStore, fileStore, DogError } = dotdog

export interface TestDog {
  dog: Dog
  store: Store
  /** Creates another dog on the same store, as another process would. */
  another(options?: DogOptions): Dog
  /** Every warning of `dog` so far. */
  warnings: DogEvents['warning'][]
}

/**
 * Creates a dog on a memory store of its own (unless `options` has a store); the test's end closes
 * it.
 */
export function createTestDog(t: Test, options: DogOptions = {}): TestDog {
  const store = options.store ?? memoryStore()
  const warnings: DogEvents['warning'][] = []
  const another = (more: DogOptions = {}) => {
    const dog = createDog({ ...options, store, ...more })
    t.teardown(() => dog.close())
    return dog
  }
  const dog = another()
  dog.on('warning', (warning) => warnings.push(warning))
  return { dog, store, another, warnings }
}

/** A fetcher that returns v1, v2, … after `ms` milliseconds, and counts its calls. */
export function countingFetcher(result: Partial<Result> = { expiresIn: 7200 }, ms = 0) {
  const calls = { count: 0 }
  const fetcher: Fetcher = async () => {
    const value = `v${++calls.count}`
    if (ms > 0) await pause(ms)
    return { value, ...result }
  }
  return Object.assign(fetcher, { calls })
}

/**
 * Stores a record as another process did some time ago. `fetched` and `expires` are seconds from
 * now.
 */
export async function storeRecord(
  store: Store,
  key: string,
  value: unknown,
  fetched: number,
  expires: number,
  more: Partial<DogRecord> = {},
) {
  const lease = (await store.acquire(key, 30))!
  const times = { fetchedAt: Date.now() + fetched * 1000, expiresAt: Date.now() + expires * 1000 }
  const record = { key, value, ...times, ahead: 10, generation: lease.fencingToken, ...more }
  if (!(await lease.commit(record))) throw new Error('the record was not stored')
  return record
}

/** An object like `target`, except for the given members. */
export const overriding = <T extends object>(target: T, members: Partial<T>): T =>
  new Proxy(target, {
    get: (_proxy, name) => {
      const owner = name in members ? members : target
      const member = Reflect.get(owner, name, owner)
      return typeof member === 'function' ? member.bind(owner) : member
    },
  })

/** A store whose commits fail with ENOSPC while `isFull` returns true. */
export const storeOnFullDisk = (store: Store, isFull: () => boolean): Store =>
  overriding(store, {
    acquire: async (key, timeout) => {
      const lease = await store.acquire(key, timeout)
      const commit = async (record: DogRecord | undefined) => {
        if (isFull()) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
        return await lease!.commit(record)
      }
      return lease && overriding(lease, { commit })
    },
  })

/** A fetcher that returns `late` once it is released: for a key with a short time-out. */
export function heldFetcher() {
  const { resolve: release, promise: released } = deferred()
  const held = {
    calls: 0,
    release,
    fetcher: async () => {
      held.calls++
      await released
      return { value: 'late', expiresIn: 60 }
    },
  }
  return held
}

/** Resolves with the next event of this name whose payload is `wanted`. */
export const nextEvent = <E extends DogEvent>(dog: Dog, event: E, wanted: (payload: DogEvents[E]) => boolean = () => true) =>
  new Promise<DogEvents[E]>((resolve) => {
    const listener = (payload: DogEvents[E]) => {
      if (!wanted(payload)) return
      dog.off(event, listener)
      resolve(payload)
    }
    dog.on(event, listener)
  })
