import { watch } from 'node:fs'
import type { WatchingFacts } from './facts.js'

/** Whether the system has a watcher left for the folder. */
export function watchingFacts(dir: string): WatchingFacts {
  try {
    watch(dir, { persistent: false })
      .on('error', () => {})
      .close()
    return { error: undefined }
  } catch (error) {
    return { error: (error as NodeJS.ErrnoException).code ?? 'failed' }
  }
}
