/** Of each signal, what is called when it aborts. */
const followers = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls back when a signal aborts, until the returned function is called. All calls of one signal share one listener of it:
 * it may live as long as the process, and Node warns of more than ten. AbortSignal.any would stay with it for ever.
 */
export function follow(signal: AbortSignal, leave: () => void): () => void {
  const leaves = followers.get(signal) ?? listen(signal)
  leaves.add(leave)
  return () => void leaves.delete(leave)
}

function listen(signal: AbortSignal): Set<() => void> {
  const leaves = new Set<() => void>()
  followers.set(signal, leaves)
  signal.addEventListener('abort', () => {
    for (const leave of leaves) leave()
  })
  return leaves
}
