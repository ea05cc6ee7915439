/** Of each signal, what is called when it aborts. */
const callbacksOf = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls back when a signal aborts, until the returned function is called. All calls of one signal share one listener of it:
 * it may live as long as the process, and Node warns of more than ten. AbortSignal.any would stay with it for ever.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const leaves = callbacksOf.get(signal) ?? listen(signal)
  leaves.add(callback)
  return () => void leaves.delete(callback)
}

function listen(signal: AbortSignal): Set<() => void> {
  const leaves = new Set<() => void>()
  callbacksOf.set(signal, leaves)
  signal.addEventListener('abort', () => {
    for (const leave of leaves) leave()
  })
  return leaves
}
