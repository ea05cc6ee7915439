import type { DogRecord } from '../../../index.js'
import type { FetchCoordinator } from '../fetch/coordinator.js'

/**
 * A commit under a lease that is no fetch: `set` and `remove`. Returns what is stored then.
 *
 * @param make the record to be written under a number; undefined removes the one that is there.
 */
export async function writeDirectly(
  coordinator: FetchCoordinator,
  deadline: AbortSignal,
  make: (number: number) => Promise<DogRecord | undefined>,
): Promise<DogRecord | undefined> {
  const { store, key, memory } = coordinator
  let tried: number | undefined
  for (;;) {
    const lease = await coordinator.acquireForWrite(deadline)
    try {
      // Read again, as before a fetch: what was numbered after us stays.
      if (await coordinator.isFencingTokenUsed(lease)) continue
      // So does what came after a try that was robbed, or was done without an answer.
      const newest = tried === undefined ? undefined : await store.read(key)
      const isReplaced = newest !== undefined && newest.generation > tried!
      const record = isReplaced ? newest : await make(lease.fencingToken)
      if (isReplaced || (await lease.commit(record))) {
        memory.dropUnwritten()
        return coordinator.adopt(record)
      }
      tried ??= lease.fencingToken
    } finally {
      await lease.release()
    }
  }
}
