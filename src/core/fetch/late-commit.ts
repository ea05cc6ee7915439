import type { DogRecord, Lease } from '../../../index.js'
import { isKnownFetch, isVoid } from '../model/removal.js'
import type { FetcherRun } from './run-fetcher.js'
import type { StoredKey } from './stored-key.js'

/**
 * Commits of values whose own lease is gone: an answer that came after its time-out, a holder that was
 * evicted, a value that the store refused at first. Such a value is not thrown away, since the upstream
 * may have rotated, and then only this value is good. It takes the lease again and is committed only if
 * no record of a higher generation is there.
 */

/** Commits the answer of a fetcher that goes on after its time-out. */
export function commitLateAnswer(
  stored: StoredKey,
  run: FetcherRun,
  generation: number,
  previous: DogRecord | undefined,
): void {
  run.lateAnswer
    .then((result) => (result === undefined ? undefined : commitLate(stored, stored.recordOf(result, generation, previous))))
    .catch((error) => stored.warn(error))
}

/**
 * Commits a record under a new lease. Returns the newer of it and what is stored; undefined if the key was removed.
 *
 * @param isRecent whether the fetch began within its time-out. Then a removal would still be recorded: where
 *   nothing is, the whole store was emptied, and the value is good.
 */
export async function commitLate(
  stored: StoredKey,
  record: DogRecord,
  { isRecent = false } = {},
): Promise<DogRecord | undefined> {
  try {
    for (;;) {
      // Not ended by a closing dog either: the fetch is allowed to finish.
      const lease = await stored.acquireWhenFree(new AbortController().signal)
      const outcome = await commitUnderLease(stored, lease, record, isRecent)
      if (outcome !== 'lost') return outcome
    }
  } catch (error) {
    return stored.keepUnwritten(record, error)
  }
}

/** Writes the value that the store could not take, unless another process holds the lease. */
export async function commitUnwritten(stored: StoredKey): Promise<void> {
  const record = stored.memory.unwritten
  const lease = record && (await stored.acquire())
  if (lease !== undefined) await commitUnderLease(stored, lease, record!)
}

/** Resolves to what is stored afterwards, or to `lost` if the lease was lost before the commit. */
async function commitUnderLease(
  stored: StoredKey,
  lease: Lease,
  record: DogRecord,
  isRecent = false,
): Promise<DogRecord | undefined | 'lost'> {
  try {
    // A removal is not undone by a fetch that began before it. Where there is no record, and no ledger
    // that knows the fetch, the key was removed so long ago that the removal itself is forgotten.
    const { memory } = stored
    const ledger = await stored.store.readLedger(stored.key)
    const newest = await stored.read()
    const hasRecord = memory.storedVersionOf(newest) !== undefined
    const isRemoved = ({ generation }: DogRecord) =>
      isVoid(ledger, generation) || !(hasRecord || isRecent || isKnownFetch(ledger, generation))
    if (isRemoved(record)) {
      if (memory.unwritten !== undefined && isRemoved(memory.unwritten)) memory.dropUnwritten()
      return undefined
    }
    const isNewer = newest !== undefined && newest.generation >= record.generation && newest !== record
    if (isNewer) return newest
    if (!(await lease.commit(record))) return 'lost'
    stored.adopt(record)
    stored.environment.events.onRefreshed(stored.key, record, 'missing', lease.ageMs(), true)
    return record
  } finally {
    await lease.release()
  }
}
