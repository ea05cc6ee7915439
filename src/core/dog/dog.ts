import type { Dog, DogEvent, DogOptions, DogRecord, Fetcher, KeyStatus, Secret, Store } from '../../../index.js'
import { Keeper, type Surroundings } from '../fetch/coordinator.js'
import type { Memory } from '../fetch/memory.js'
import { isOursToSeal } from '../fetch/ownership.js'
import { useValue } from '../fetch/retry-rejected.js'
import { Entry } from '../key/key-handle.js'
import { areSame } from '../model/encryption.js'
import { DogError, misuse, misuseOfSecret } from '../model/errors.js'
import { checkKey } from '../model/key.js'
import { checkDogOptions, checkGetOptions, checkKeyOptions, configOf, type KeyConfig } from '../model/options.js'
import { soon } from '../shared/clock.js'
import { print } from './debug.js'
import { Events } from './events.js'
import { statusOf } from './status.js'
import { type Place, Shelf, sealedBy, unwrapped } from './store-registry.js'
import { Strangers } from './unregistered-keys.js'
import { WaitGraph } from './wait-graph.js'

type Callback = (value?: unknown, error?: DogError) => void

/** What `init` was given, so that a second `init` can be compared with it. */
interface Given extends Place {
  identity: string | undefined
}

const PLACE = ['dir', 'store', 'identity'] as const

/**
 * A dog: holds all state, so that two of them share nothing but their stores. Its members are closures: they can be taken
 * off it (`const { get } = dotdog`), and printing a dog shows no value.
 */
export function createDog(dogOptions: DogOptions = {}): Dog {
  const defaults = checkDogOptions(dogOptions)
  const entries = new Map<string, Entry>()
  /** The one that was asked for last: a program asks for the same key again and again. */
  let last: Entry | undefined
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

  const tell = (key: string | undefined, text: () => string) => {
    if (isDebugging) print(key, text())
  }
  const warn = (key: string | undefined, code: string, message: string) => {
    tell(key, () => `warning: ${message}`)
    events.emit('warning', { key, code, message })
  }

  const strangers = new Strangers((key, record) => around.changed(key, record))
  const shelf = new Shelf(defaults.mode, warn, (key, store) => {
    const looking = entries.get(key)?.look(true) ?? strangers.look(key, store)
    looking.catch(() => {})
  })

  const around: Surroundings = {
    links: {
      isAtHand: (key) => entryOf(key).peek() !== undefined,
      bound: (key) => entryOf(key).bound,
      get: (from, to) => askedBy(from, to, () => entryOf(to).get()),
      refresh: (from, to, stale) => linked(from, to, () => entryOf(to).refresh({ stale })),
      isRejected: (key) => entryOf(key).keeper.config.isRejected,
      call: (key, fetcher) => {
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
    refreshed(key, record, reason, ms, late) {
      const { generation, expiresAt } = record
      tell(
        key,
        () => `fetched (${reason}) in ${Math.round(ms)} ms${late ? ', late' : ''}; until ${new Date(expiresAt).toISOString()}`,
      )
      events.emit('refresh', { key, generation, reason, ms, late })
    },
    waiting(key, holder) {
      tell(key, () => `waits for ${holder ?? 'another process'}`)
      events.emit('wait', { key, holder })
    },
    tookOver(key, holder) {
      tell(key, () => `takes over from ${holder}`)
      events.emit('takeover', { key, holder })
    },
    changed(key, record: DogRecord | undefined) {
      const { generation, expiresAt, by } = record ?? {}
      tell(key, () => (record === undefined ? 'is gone' : `has a new value, fetched by ${by ?? 'somebody'}`))
      events.emit('change', { key, generation, expiresAt, by })
    },
    warn,
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

  function keeperOf(key: string, store: Store, config: KeyConfig, memory?: Memory): Keeper {
    const sealed = sealedBy(config.sealingKeys, store, (record) => isOursToSeal(record, keeper.config))
    const keeper = new Keeper(key, sealed, config, around, memory)
    return keeper
  }

  function makeEntry(key: string, store: Store, config: KeyConfig): Entry {
    const entry = new Entry(keeperOf(key, store, config))
    entries.set(key, entry)
    return entry
  }

  function find(key: string): Entry | undefined {
    if (key === lastKey) return last
    last = entries.get(key)
    lastKey = last && key
    return last
  }

  /** The entry of a key; one that only follows where nobody initialised it here. */
  function entryOf(key: string): Entry {
    const known = find(key)
    if (known !== undefined) return known
    checkKey(key)
    return makeEntry(key, shelf.at(defaults), configOf(undefined, { ...defaults, autoRefresh: false }))
  }

  /** The entry for a call that may wait. */
  function asked(key: string): Entry {
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
    const target = shelf.at({ dir, store })
    const config = configOf(fetcher, options)
    const known = find(key)
    const entry = known ?? makeEntry(key, target, config)
    if (known !== undefined) configure(known, target, config)
    // Of many keys most have the same.
    if (PLACE.some((name) => place[name] !== options[name])) place = { dir, store, identity }
    places.set(key, place)
    entry.arm()
    tell(key, () => `is kept in ${target.dir ?? target.name}`)
    return secretOf(key)
  }

  function configure(entry: Entry, store: Store, config: KeyConfig): void {
    const { key, memory, store: before, config: old } = entry.keeper
    // One that only followed may have adopted another account's record, from another folder: that is forgotten.
    const isSame = unwrapped(before) === store && old.identity === config.identity
    if (isSame && areSame(old.sealingKeys, config.sealingKeys)) entry.keeper.config = config
    else entry.renew(keeperOf(key, store, config, isSame ? memory : undefined))
  }

  function reopen(): void {
    closing = undefined
    if (events.count('change') > 0) shelf.watch()
    for (const entry of entries.values()) entry.arm()
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
      const hot = find(key)?.hot()
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
      (value) => soon(callback as never, value),
      (error: DogError) => {
        if (callback.length >= 2) return soon(callback as never, undefined, error)
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
        const secret = { get: () => entry.get(), refresh: (stale: unknown) => entry.refresh({ stale }) }
        return useValue(key, secret, entry.keeper.config.isRejected, task as never) as Promise<never>
      })
    },
    set: (key, value, expiry) => failing(() => asked(key).set(value, expiry)),
    remove: (key) => failing(() => asked(key).remove()),
    async status() {
      shelf.at(defaults)
      const config = configOf(undefined, defaults)
      const all: KeyStatus[] = []
      for (const [key, { keeper }] of entries) all.push(await statusOf(key, keeper.store, keeper.config, keeper.memory))
      // Of a key that nobody asked for here, nothing is remembered.
      for (const store of shelf.all()) {
        const opened = sealedBy(config.sealingKeys, store, () => false)
        for await (const key of store.keys()) if (!entries.has(key)) all.push(await statusOf(key, opened, config))
      }
      return all.sort((a, b) => (a.key < b.key ? -1 : 1))
    },
    on(event, listener) {
      checkListener(event, listener)
      events.add(event, listener)
      if (event !== 'change') return
      if (shelf.isEmpty) shelf.at(defaults)
      shelf.watch()
    },
    off(event, listener) {
      checkListener(event, listener)
      events.delete(event, listener)
      if (events.count('change') === 0) shelf.unwatch()
    },
    async close() {
      closer().abort(new DogError('ERR_DOG_CLOSED', 'The dog was closed'))
      shelf.unwatch()
      await Promise.all([...entries.values()].map((entry) => entry.close()))
      await shelf.close()
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

function checkRefreshOptions(options: unknown = {}): { stale?: unknown; force?: boolean } {
  if (typeof options !== 'object' || options === null) throw misuseOfSecret('options', 'must be an object', options)
  const { force, stale } = options as { force?: unknown; stale?: unknown }
  // A variable that is empty must not become a plain refresh, which replaces a good value.
  if ('stale' in options && stale === undefined) throw misuseOfSecret('stale', 'must be a value where it is given', stale)
  if (force !== undefined && typeof force !== 'boolean') throw misuse('force', 'must be true or false', force)
  return options
}

function checkListener(event: unknown, listener: unknown): asserts event is DogEvent {
  if (!Events.isEvent(event)) throw misuse('event', 'must be change, refresh, wait, takeover or warning', event)
  if (typeof listener !== 'function') throw misuseOfSecret('listener', 'must be a function', listener)
}
