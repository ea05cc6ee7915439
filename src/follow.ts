/** Of each signal, what is called when it aborts. */
const followers = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls back when a signal aborts, until the returned function is called. All calls of one signal share one listener of it:
 * it may live as long as the process, and Node warns of more than ten. AbortSignal.any would stay with it for ever.
 */
export function follow(signal: AbortSignal, leave: () => void): () => void {
  const known = followers.get(signal)
  const leaves = known ?? new Set()
  const abort = () => {
    for (const each of leaves) each()
  }
  if (known === undefined) {
    followers.set(signal, leaves)
    signal.addEventListener('abort', abort)
  }
  leaves.add(leave)
  return () => void leaves.delete(leave)
}
