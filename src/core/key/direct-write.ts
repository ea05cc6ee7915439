import type { DogRecord, Lease } from '../../../index.js'
import { assertIdentity } from '../fetch/ownership.js'
import type { StoredKey, Written } from '../fetch/stored-key.js'
import { withoutFailure } from '../model/failure-backoff.js'
import { withRemoval } from '../model/removal.js'
import { now } from '../shared/clock.js'

/**
 * Commits what is no fetch: `set` and `remove`. A fetch of this process is superseded; one of another
 * process is waited for. Returns what is stored afterwards.
 *
 * @param make the record to write with a fencing token; undefined removes the record that is there
 */
export async function writeDirectly(
  stored: StoredKey,
  deadline: AbortSignal,
  make: (fencingToken: number) => Promise<DogRecord | undefined>,
): Promise<DogRecord | undefined> {
  const { store, key, memory } = stored
  let firstToken: number | undefined
  const commit = async (lease: Lease, fencingToken: number, isSuperseding = false): Promise<Written | undefined> => {
    const record = await make(fencingToken)
    await updateLedger(stored, lease, fencingToken, record)
    // A commit gives the lease of the fetch away. Where nothing is stored, the ledger is the whole removal.
    if (isSuperseding && record === undefined && lease.isHeld() && (await store.read(key)) === undefined) {
      memory.dropUnwritten()
      return { record: stored.adopt(undefined) }
    }
    const isCommitted = await lease.commit(record)
    firstToken ??= fencingToken
    if (!isCommitted) return undefined
    memory.dropUnwritten()
    return { record: stored.adopt(record) }
  }
  for (;;) {
    const superseding = await stored.runningFetch?.write((lease, fencingToken) => commit(lease, fencingToken, true))
    if (superseding !== undefined) return superseding.record
    const lease = await stored.acquireWhenFree(deadline)
    try {
      // Read again, as before a fetch: a record with a later fencing token stays.
      if (await stored.isFencingTokenUsed(lease)) continue
      // So does one that came after an attempt whose lease was lost, or that was done without an answer.
      const newest = firstToken === undefined ? undefined : await store.read(key)
      const isReplaced = newest !== undefined && newest.generation > firstToken!
      if (isReplaced) {
        memory.dropUnwritten()
        return stored.adopt(newest)
      }
      const written = await commit(lease, lease.fencingToken)
      if (written !== undefined) return written.record
    } finally {
      await lease.release()
    }
  }
}

/**
 * A value that a person or a push puts in is news about the upstream: it ends a failure and its
 * back-off. A removal voids every value whose fetch began before it, also where there is nothing to
 * remove yet: such a value may still be on its way.
 */
async function updateLedger(
  stored: StoredKey,
  lease: Lease,
  fencingToken: number,
  record: DogRecord | undefined,
): Promise<void> {
  const ledger = await stored.store.readLedger(stored.key)
  if (record === undefined) return await lease.writeLedger(withRemoval(ledger, now(), fencingToken, stored.config))
  const updated = ledger && withoutFailure(ledger)
  // The value counts for more than the ledger: it is committed even if the ledger cannot be written.
  if (updated !== undefined && updated !== ledger) await lease.writeLedger(updated).catch((error) => stored.warn(error))
}

/** The record that a write is about to replace: also one that no key opens, but never another account's. */
export async function recordToReplace({ key, store, memory, config }: StoredKey): Promise<DogRecord | undefined> {
  const found = memory.unwritten ?? (await store.read(key))
  if (found !== undefined) assertIdentity(found, store, config.identity)
  return found
}
