import type { Dog, DogEvent, DogOptions, DogRecord, Fetcher, KeyStatus, Secret, Store } from '../../../index.js'
import { type CoordinatorHooks, FetchCoordinator } from '../fetch/coordinator.js'
import type { Memory } from '../fetch/memory.js'
import { mayReencrypt } from '../fetch/ownership.js'
import { retryRejected } from '../fetch/retry-rejected.js'
import { KeyHandle } from '../key/key-handle.js'
import { areSame } from '../model/encryption.js'
import { DogError } from '../model/errors.js'
import { checkDogOptions, checkGetOptions, checkKey, checkKeyOptions, configOf, type KeyConfig } from '../model/options.js'
import { nextTick } from '../shared/clock.js'
import { misuse, misuseOfSecret } from '../shared/validate.js'
import { printDebug } from './debug.js'
import { Events } from './events.js'
import { statusOf } from './status.js'
import { encryptedWith, type StoreLocation, StoreRegistry, unwrapped } from './store-registry.js'
import { UnregisteredKeys } from './unregistered-keys.js'
import { WaitGraph } from './wait-graph.js'

type Callback = (value?: unknown, error?: DogError) => void

/** What `init` was given, so that a second `init` can be compared with it. */
interface Given extends StoreLocation {
  identity: string | undefined
}

const PLACE = ['dir', 'store', 'identity'] as const

/**
 * A dog: holds all state, so that two of them share nothing but their stores. Its members are closures: they can be taken
 * off it (`const { get } = dotdog`), and printing a dog shows no value.
 */
export function createDog(dogOptions: DogOptions = {}): Dog {
  const defaults = checkDogOptions(dogOptions)
  const entries = new Map<string, KeyHandle>()
  /** The one that was asked for last: a program asks for the same key again and again. */
  let last: KeyHandle | undefined
  let lastKey: string | undefined
  const places = new Map<string, Given>()
  let place: Given = { identity: undefined }
  const events = new Events()
  const graph = new WaitGraph()
  /** Made when something waits, or at the end: a process that only reads a fresh value starts without it. */
  let closing: AbortController | undefined
  const closer = () => (closing ??= new AbortController())
  let isDebugging = false
  /** The key whose fetcher is being called right now. */
  let calling: string | undefined

  const printIfDebugging = (key: string | undefined, text: () => string) => {
    if (isDebugging) printDebug(key, text())
  }
  const warn = (key: string | undefined, code: string, message: string) => {
    printIfDebugging(key, () => `warning: ${message}`)
    events.emit('warning', { key, code, message })
  }

  const unregistered = new UnregisteredKeys((key, record) => around.onChanged(key, record))
  const stores = new StoreRegistry(defaults.mode, warn, (key, store) => {
    const looking = entries.get(key)?.reread(true) ?? unregistered.reread(key, store)
    looking.catch(() => {})
  })

  const around: CoordinatorHooks = {
    links: {
      isAvailable: (key) => entryOf(key).peek() !== undefined,
      maxWaitSeconds: (key) => entryOf(key).maxWaitSeconds,
      get: (from, to) => askedBy(from, to, () => entryOf(to).get()),
      refresh: (from, to, rejected) => linked(from, to, () => entryOf(to).refresh({ rejected })),
      rejectionTest: (key) => entryOf(key).coordinator.config.isRejected,
      callFetcher: (key, fetcher) => {
        const outer = calling
        calling = key
        try {
          return fetcher()
        } finally {
          calling = outer
        }
      },
    },
    closing: () => closer().signal,
    onRefreshed(key, record, reason, ms, late) {
      const { generation, expiresAt } = record
      printIfDebugging(
        key,
        () => `fetched (${reason}) in ${Math.round(ms)} ms${late ? ', late' : ''}; until ${new Date(expiresAt).toISOString()}`,
      )
      events.emit('refresh', { key, generation, reason, durationMs: ms, late })
    },
    onWaiting(key, holder) {
      printIfDebugging(key, () => `waits for ${holder ?? 'another process'}`)
      events.emit('wait', { key, holder })
    },
    onTakeover(key, holder) {
      printIfDebugging(key, () => `takes over from ${holder}`)
      events.emit('takeover', { key, holder })
    },
    onChanged(key, record: DogRecord | undefined) {
      const { generation, expiresAt, by } = record ?? {}
      printIfDebugging(key, () => (record === undefined ? 'is gone' : `has a new value, fetched by ${by ?? 'somebody'}`))
      events.emit('change', { key, generation, expiresAt, by })
    },
    onWarning: warn,
  }

  /** A `get` by a fetch: no edge where nothing has to be waited for. */
  const askedBy = <R>(from: string | undefined, to: string, get: () => Promise<R>): Promise<R> =>
    from === undefined || entryOf(to).peek() !== undefined ? get() : linked(from, to, get)

  /** The wait of one fetch for another key. */
  async function linked<R>(from: string, to: string, wait: () => Promise<R>): Promise<R> {
    const leave = graph.enter(from, to)
    try {
      return await wait()
    } finally {
      leave()
    }
  }

  function keeperOf(key: string, store: Store, config: KeyConfig, memory?: Memory): FetchCoordinator {
    const sealed = encryptedWith(config.encryptionKeys, store, (record) => mayReencrypt(record, keeper.config))
    const keeper = new FetchCoordinator(key, sealed, config, around, memory)
    return keeper
  }

  function makeEntry(key: string, store: Store, config: KeyConfig): KeyHandle {
    const entry = new KeyHandle(keeperOf(key, store, config))
    entries.set(key, entry)
    return entry
  }

  function find(key: string): KeyHandle | undefined {
    if (key === lastKey) return last
    last = entries.get(key)
    lastKey = last && key
    return last
  }

  /** The entry of a key; one that only follows where nobody initialised it here. */
  function entryOf(key: string): KeyHandle {
    const known = find(key)
    if (known !== undefined) return known
    checkKey(key)
    return makeEntry(key, stores.get(defaults), configOf(undefined, { ...defaults, autoRefresh: false }))
  }

  /** The entry for a call that may wait. */
  function asked(key: string): KeyHandle {
    if (closing?.signal.aborted) throw new DogError('ERR_DOG_CLOSED', 'The dog is closed: init reopens it', { key })
    return entryOf(key)
  }

  function init(key: string, fetcher: unknown, given?: unknown): Secret<never> {
    checkKey(key)
    if (!isFetcher(fetcher)) throw misuseOfSecret('fetcher', 'must be a function', fetcher)
    const options = checkKeyOptions(given, defaults)
    const { dir, store, identity } = options
    const last = places.get(key)
    const other = last && PLACE.find((name) => last[name] !== options[name])
    if (other !== undefined) {
      throw new TypeError(`init("${key}"): it has another ${other} already; a second dog (createDog) keeps them apart`)
    }
    if (closing?.signal.aborted) reopen()
    const target = stores.get({ dir, store })
    const config = configOf(fetcher, options)
    const known = find(key)
    const entry = known ?? makeEntry(key, target, config)
    if (known !== undefined) configure(known, target, config)
    // Of many keys most have the same.
    if (PLACE.some((name) => place[name] !== options[name])) place = { dir, store, identity }
    places.set(key, place)
    entry.scheduleRefresh()
    printIfDebugging(key, () => `is kept in ${target.dir ?? target.name}`)
    return secretOf(key)
  }

  function configure(entry: KeyHandle, store: Store, config: KeyConfig): void {
    const { key, memory, store: before, config: old } = entry.coordinator
    // One that only followed may have adopted another account's record, from another folder: that is forgotten.
    const isSame = unwrapped(before) === store && old.identity === config.identity
    if (isSame && areSame(old.encryptionKeys, config.encryptionKeys)) entry.coordinator.config = config
    else entry.replaceCoordinator(keeperOf(key, store, config, isSame ? memory : undefined))
  }

  function reopen(): void {
    closing = undefined
    if (events.count('change') > 0) stores.watch()
    for (const entry of entries.values()) entry.scheduleRefresh()
  }

  const secretOf = (key: string): Secret<never> => ({
    key,
    get: ((how?: never) => get(key, how)) as Secret<never>['get'],
    peek: () => dog.peek<never>(key),
    refresh: (options) => dog.refresh<never>(key, options),
    use: (task) => dog.use(key, task),
    set: (value, expiry) => dog.set(key, value, expiry),
    remove: () => dog.remove(key),
  })

  function get(key: string, how?: unknown): Promise<never> | undefined {
    if (how === undefined) {
      const hot = find(key)?.getAnswer()
      if (hot !== undefined) return hot as Promise<never>
    }
    if (typeof how === 'function') return callBack(key, how as Callback)
    return getWith(key, how) as Promise<never>
  }

  function getWith(key: string, given: unknown): Promise<unknown> {
    checkKey(key)
    const { minTtl, signal } = given === undefined ? {} : checkGetOptions(given)
    const from = calling
    return failing(() => {
      const entry = asked(key)
      return askedBy(from, key, () => entry.get(minTtl, signal))
    })
  }

  /** guard_dog's style: called from a tick of its own, so that what it throws is the program's, not a rejection of ours. */
  function callBack(key: string, callback: Callback): undefined {
    getWith(key, undefined).then(
      (value) => nextTick(callback as never, value),
      (error: DogError) => {
        if (callback.length >= 2) return nextTick(callback as never, undefined, error)
        // Its only parameter is the value: `undefined` in its hands would be signed, sent or stored.
        warn(key, error.code, error.message)
        process.emitWarning(error.message, { type: 'DotdogWarning', code: error.code })
      },
    )
  }

  const dog: Dog = {
    init: init as unknown as Dog['init'],
    get: get as Dog['get'],
    peek: ((key: string) => (find(key) ?? entryOf(key)).peek()) as Dog['peek'],
    refresh: (key, options) => failing(() => asked(key).refresh(checkRefreshOptions(options)) as Promise<never>),
    use: (key, task) => {
      if (typeof task !== 'function') throw misuseOfSecret('task', 'must be a function', task)
      return failing(() => {
        const entry = asked(key)
        const secret = { get: () => entry.get(), refresh: (rejected: unknown) => entry.refresh({ rejected }) }
        return retryRejected(key, secret, entry.coordinator.config.isRejected, task as never) as Promise<never>
      })
    },
    set: (key, value, expiry) => failing(() => asked(key).set(value, expiry)),
    remove: (key) => failing(() => asked(key).remove()),
    async status() {
      stores.get(defaults)
      const config = configOf(undefined, defaults)
      const all: KeyStatus[] = []
      for (const [key, { coordinator: keeper }] of entries)
        all.push(await statusOf(key, keeper.store, keeper.config, keeper.memory))
      // Of a key that nobody asked for here, nothing is remembered.
      for (const store of stores.all()) {
        const opened = encryptedWith(config.encryptionKeys, store, () => false)
        for await (const key of store.keys()) if (!entries.has(key)) all.push(await statusOf(key, opened, config))
      }
      return all.sort((a, b) => (a.key < b.key ? -1 : 1))
    },
    on(event, listener) {
      checkListener(event, listener)
      events.add(event, listener)
      if (event !== 'change') return
      if (stores.isEmpty) stores.get(defaults)
      stores.watch()
    },
    off(event, listener) {
      checkListener(event, listener)
      events.delete(event, listener)
      if (events.count('change') === 0) stores.unwatch()
    },
    async close() {
      closer().abort(new DogError('ERR_DOG_CLOSED', 'The dog was closed'))
      stores.unwatch()
      await Promise.all([...entries.values()].map((entry) => entry.close()))
      await stores.close()
    },
    get debug() {
      return isDebugging
    },
    set debug(on) {
      isDebugging = Boolean(on)
    },
  }

  return dog
}

/** A promise also for what goes wrong before there is one. */
function failing<R>(task: () => Promise<R>): Promise<R> {
  try {
    return task()
  } catch (error) {
    return Promise.reject(error)
  }
}

const isFetcher = (value: unknown): value is Fetcher<never> => typeof value === 'function'

function checkRefreshOptions(options: unknown = {}): { rejected?: unknown; force?: boolean } {
  if (typeof options !== 'object' || options === null) throw misuseOfSecret('options', 'must be an object', options)
  const { force, rejected } = options as { force?: unknown; rejected?: unknown }
  // A variable that is empty must not become a plain refresh, which replaces a good value.
  if ('rejected' in options && rejected === undefined) {
    throw misuseOfSecret('rejected', 'must be a value where it is given', rejected)
  }
  if (force !== undefined && typeof force !== 'boolean') throw misuse('force', 'must be true or false', force)
  return options
}

function checkListener(event: unknown, listener: unknown): asserts event is DogEvent {
  if (!Events.isEvent(event)) throw misuse('event', 'must be change, refresh, wait, takeover or warning', event)
  if (typeof listener !== 'function') throw misuseOfSecret('listener', 'must be a function', listener)
}
