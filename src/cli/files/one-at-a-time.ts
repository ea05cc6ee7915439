/**
 * A function that runs one at a time. Asked meanwhile, it runs once more afterwards, so that the
 * last run saw the last state. Its work must handle its own errors.
 */
export function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  let isOutdated = false
  const run = async () => {
    while (isOutdated) {
      isOutdated = false
      await work()
    }
    running = undefined
  }
  return () => {
    isOutdated = true
    running ??= run()
    return running
  }
}
