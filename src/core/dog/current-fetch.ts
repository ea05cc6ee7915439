import { AsyncLocalStorage } from 'node:async_hooks'

/** A call of a fetcher that has not ended. */
interface FetcherCall {
  owner: object
  key: string
  isOver: boolean
}

/**
 * Whether code runs on behalf of a fetcher, also after its awaits. While the storage is in use, each
 * await in the process costs about three times as much. So it is in use only while a fetcher runs.
 */
const storage = new AsyncLocalStorage<FetcherCall>()
let running = 0

/**
 * Calls a fetcher.
 *
 * @param owner the dog, or a part of it, that has the key
 * @param ended settles when nobody waits for the fetcher any more
 */
export function callAsFetch<R>(owner: object, key: string, ended: Promise<unknown>, fetcher: () => R): R {
  const call: FetcherCall = { owner, key, isOver: false }
  const end = () => {
    call.isOver = true
    if (--running === 0) storage.disable()
  }
  running++
  ended.then(end, end)
  return storage.run(call, fetcher)
}

/** Whether this is called by the fetcher of that key, which runs now. */
export function isWithinFetch(owner: object, key: string): boolean {
  const call = running === 0 ? undefined : storage.getStore()
  return call !== undefined && !call.isOver && call.owner === owner && call.key === key
}
