import type { Test } from 'tap'
import type { Store } from '../../index.js'
import { pause } from './timing.js'

/**
 * Closes a store while it reads, waits for the holder of a lease, and watches. Then waits long
 * enough for anything that would reconnect by itself to do so. `whileOpen` runs before the close.
 */
export async function closeInUse(t: Test, holder: Store, store: Store, whileOpen = async () => {}): Promise<void> {
  const lease = await holder.acquire('K', 30)
  const left = new AbortController()
  const underWay: unknown[] = [
    store.read('K'),
    store.waitForChange('K', undefined, left.signal),
    store.waitForChange('K', 1, left.signal),
    store.waitForChange('L', 1, left.signal),
  ]
  await pause(200)
  await whileOpen()
  underWay.push(store.read('K'), store.readLedger('K'))
  const stop = store.watch!(() => {})
  const settled = Promise.allSettled(underWay)
  await store.close()
  await pause(700)
  await t.rejects(async () => await store.read('K'), { code: 'ERR_DOG_STORE', message: /closed/ })
  left.abort()
  await settled
  stop()
  await lease!.release()
}
