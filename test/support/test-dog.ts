// A dog of one's own for one test, from the built package, as a user has it.
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Dog, DogEvent, DogEvents, DogOptions, DogRecord, Fetcher, Result, Store } from '../../index.js'
import './built.js'

export const entry = createRequire(import.meta.url).resolve('../../dist/index.js')
export const dotdog: typeof import('../../index.js') = createRequire(import.meta.url)(entry)
export const { createDog, memoryStore, fileStore, DogError } = dotdog

export interface Kennel {
  dog: Dog
  store: Store
  /** Another dog on the same store, as another process has one. */
  another(options?: DogOptions): Dog
  warnings: DogEvents['warning'][]
}

export function kennel(t: Test, options: DogOptions = {}): Kennel {
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

export function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'dotdog-api-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** A fetcher that answers v1, v2, … and counts. */
export function counting(result: Partial<Result> = { expiresIn: 7200 }, ms = 0) {
  const calls = { count: 0 }
  const fetcher: Fetcher = async () => {
    const value = `v${++calls.count}`
    if (ms > 0) await pause(ms)
    return { value, ...result }
  }
  return Object.assign(fetcher, { calls })
}

/** Stores a record as another process did some time ago. Times in seconds from now. */
export async function put(
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
  if (!(await lease.commit(record))) throw new Error('not stored')
  return record
}

/** An object that does some things differently. */
export const altered = <T extends object>(target: T, changed: Partial<T>): T =>
  new Proxy(target, {
    get: (_proxy, name) => {
      const from = name in changed ? changed : target
      const member = Reflect.get(from, name, from)
      return typeof member === 'function' ? member.bind(from) : member
    },
  })

/** A store on which commits fail for want of space while it is full. */
export const filling = (store: Store, isFull: () => boolean): Store =>
  altered(store, {
    acquire: async (key, timeout) => {
      const lease = await store.acquire(key, timeout)
      const commit = async (record: DogRecord | undefined) => {
        if (isFull()) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
        return await lease!.commit(record)
      }
      return lease && altered(lease, { commit })
    },
  })

type Failed = Error & { code?: string; key?: string; retryAt?: number; path?: string }

/** The error of a promise that must reject, or of a call that must throw. */
export async function failure(task: Promise<unknown> | (() => unknown)): Promise<Failed> {
  let value: unknown
  try {
    value = await (typeof task === 'function' ? task() : task)
  } catch (error) {
    return error as Failed
  }
  throw new Error(`did not fail, but gave ${value}`)
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A promise that is opened from outside. */
export function gate<T = void>(): { open: (value: T) => void; fail: (error: unknown) => void; opened: Promise<T> } {
  let open!: (value: T) => void
  let fail!: (error: unknown) => void
  const opened = new Promise<T>((yes, no) => {
    open = yes
    fail = no
  })
  return { open, fail, opened }
}

/** A fetcher that answers `late` when it is let go: for a key with a short time-out. */
export function holding() {
  const { open, opened } = gate()
  const held = {
    calls: 0,
    open,
    fetcher: async () => {
      held.calls++
      await opened
      return { value: 'late', expiresIn: 60 }
    },
  }
  return held
}

/** The next event of a name. */
export const next = <E extends DogEvent>(dog: Dog, event: E, wanted: (payload: DogEvents[E]) => boolean = () => true) =>
  new Promise<DogEvents[E]>((resolve) => {
    const listen = (payload: DogEvents[E]) => {
      if (!wanted(payload)) return
      dog.off(event, listen)
      resolve(payload)
    }
    dog.on(event, listen)
  })

/** Waits until something holds; a test that waits for ever is ended by its runner. */
export async function until(holds: () => unknown): Promise<void> {
  while (!(await holds())) await pause(5)
}
