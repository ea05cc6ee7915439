import type { Dog, DogEvent, DogOptions, Fetcher, GetOptions, Secret } from '../../../index.js'
import { retryRejected } from '../fetch/retry-rejected.js'
import type { KeyHandle } from '../key/key-handle.js'
import type { DogError } from '../model/errors.js'
import { toStorable } from '../model/json-value.js'
import { checkGetOptions, checkKey } from '../model/options.js'
import { nextTick } from '../shared/clock.js'
import { BOOLEAN, checkOptions, misuse, misuseOfSecret } from '../shared/validate.js'
import { DogState } from './dog-state.js'
import { Events } from './events.js'

type Callback = (value?: unknown, error?: DogError) => void

/**
 * Makes a dog: checks what callers give and hands it to the {@link DogState}. Its members are closures, so
 * that they can be taken off it (`const { get } = dotdog`) and printing a dog shows no value.
 */
export function createDog(options: DogOptions = {}): Dog & AsyncDisposable {
  const state = new DogState(options)

  function init(key: string, fetcher: unknown, given?: unknown): Secret<never> {
    checkKey(key)
    if (!isFetcher(fetcher)) throw misuseOfSecret('fetcher', 'must be a function', fetcher)
    state.register(key, fetcher, given)
    return {
      key,
      get: ((how?: never) => get(key, how)) as Secret<never>['get'],
      peek: () => dog.peek<never>(key),
      read: (options) => dog.read<never>(key, options),
      refresh: (options) => dog.refresh<never>(key, options),
      use: (task) => dog.use(key, task),
      set: (value, expiry) => dog.set(key, value, expiry),
      remove: () => dog.remove(key),
    }
  }

  function get(key: string, how?: unknown): Promise<never> | undefined {
    if (how === undefined) {
      const cached = state.find(key)?.cachedAnswer()
      if (cached !== undefined) return cached as Promise<never>
    }
    if (typeof how === 'function') return getWithCallback(key, how as Callback)
    return getWithOptions(key, how) as Promise<never>
  }

  const getWithOptions = (key: string, given: unknown): Promise<unknown> =>
    ask('get', key, given, (handle, { minTtl, signal }) => handle.get(minTtl, signal))

  /** A call that may wait for a fetch. One that a fetcher makes synchronously counts as its key's. */
  function ask<R>(
    name: 'get' | 'read',
    key: string,
    given: unknown,
    call: (handle: KeyHandle, options: GetOptions) => Promise<R>,
  ): Promise<R> {
    checkKey(key)
    const options = given === undefined ? {} : checkGetOptions(name, given)
    const from = state.keys.callingKey
    return rejecting(() => {
      const handle = state.openHandleOf(key)
      return state.keys.whileLinked(from, key, () => call(handle, options))
    })
  }

  /** guard_dog's style. The callback runs in a tick of its own, so that what it throws is the program's error, not a rejection here. */
  function getWithCallback(key: string, callback: Callback): undefined {
    getWithOptions(key, undefined).then(
      (value) => nextTick(callback as never, value),
      (error: DogError) => {
        if (callback.length >= 2) return nextTick(callback as never, undefined, error)
        // Its only parameter is the value: a program would sign, send or store `undefined`.
        state.events.onWarning(key, error.code, error.message)
        process.emitWarning(error.message, { type: 'DotdogWarning', code: error.code })
      },
    )
  }

  const dog: Dog & AsyncDisposable = {
    init: init as unknown as Dog['init'],
    get: get as Dog['get'],
    peek: ((key: string) => (state.find(key) ?? state.handleOf(key)).peek()) as Dog['peek'],
    read: ((key: string, given?: unknown) =>
      ask('read', key, given, (handle, { minTtl, signal }) => handle.read(minTtl, signal))) as Dog['read'],
    refresh: (key, options) => {
      const from = state.keys.callingKey
      return rejecting(() => {
        const [handle, checked] = [state.openHandleOf(key), checkRefreshOptions(options)]
        return state.keys.whileRefreshing(from, key, () => handle.refresh(checked)) as Promise<never>
      })
    },
    use: (key, task) => {
      if (typeof task !== 'function') throw misuseOfSecret('task', 'must be a function', task)
      const from = state.keys.callingKey
      return rejecting(() => {
        const handle = state.openHandleOf(key)
        const get = () => state.keys.whileLinked(from, key, () => handle.get())
        const secret = { get, refresh: (rejected: unknown) => handle.refresh({ rejected }) }
        return retryRejected(key, secret, handle.stored.config.isRejected, task as never) as Promise<never>
      })
    },
    set: (key, value, expiry) => rejecting(() => state.openHandleOf(key).set(value, expiry)),
    remove: (key) => rejecting(() => state.openHandleOf(key).remove()),
    forget: (key) => {
      checkKey(key)
      state.forget(key)
    },
    status: () => state.status(),
    on(event, listener) {
      checkListener(event, listener)
      state.events.add(event, listener)
      if (event === 'change') state.updateWatching()
      return () => dog.off(event, listener)
    },
    off(event, listener) {
      checkListener(event, listener)
      state.events.delete(event, listener)
      if (event === 'change') state.updateWatching()
    },
    close: () => state.close(),
    [Symbol.asyncDispose]: () => state.close(),
    get debug() {
      return state.events.isDebugging
    },
    set debug(on) {
      state.events.isDebugging = Boolean(on)
    },
  }

  return dog
}

/** Turns an error that is thrown before there is a promise into a rejection. */
function rejecting<R>(task: () => Promise<R>): Promise<R> {
  try {
    return task()
  } catch (error) {
    return Promise.reject(error)
  }
}

const isFetcher = (value: unknown): value is Fetcher<never> => typeof value === 'function'

const REFRESH_RULES = { rejected: { test: () => true, rule: '' }, force: BOOLEAN }

function checkRefreshOptions(options: unknown = {}): { rejected?: unknown; force?: boolean } {
  const checked = checkOptions<{ rejected?: unknown; force?: boolean }>('refresh', options, REFRESH_RULES)
  // A variable that is empty must not become a plain refresh, which replaces a good value.
  if ('rejected' in checked && checked.rejected === undefined) {
    throw misuseOfSecret('rejected', 'must be a value where it is given', undefined)
  }
  return 'rejected' in checked ? { ...checked, rejected: toRejected(checked.rejected) } : checked
}

/** A value that no key can have is a mistake: it would never be found among the stored ones. */
function toRejected(value: unknown): unknown {
  try {
    return toStorable(value)
  } catch (error) {
    throw new TypeError(`rejected must be a value as the key has it: ${(error as Error).message}`)
  }
}

function checkListener(event: unknown, listener: unknown): asserts event is DogEvent {
  if (!Events.isEvent(event)) throw misuse('event', 'must be change, refresh, failure, wait, takeover or warning', event)
  if (typeof listener !== 'function') throw misuseOfSecret('listener', 'must be a function', listener)
}
