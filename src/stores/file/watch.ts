import { basename } from 'node:path'
import { startTimer } from '../../clock.js'
import { recordName } from './names.js'

/**
 * Tells listeners which records changed. The only user of chokidar: on the folder, never on a file, and without keeping the
 * process alive. Knows nothing of what a record holds.
 */

/** chokidar is deaf to a file replaced twice within 50 ms: every event is followed by one more look, so many ms later. */
const TRAILING = 60

interface Listeners {
  /** With a record's encoded name. */
  onRecord(name: string): void
  /** What changes from now on is told; what changed before was not. */
  onReady(): void
  onFailure(): void
}

/** Returns the stop function. */
export function watchRecords(folder: string, { onRecord, onReady, onFailure }: Listeners): () => void {
  let stopped = false
  let stop = () => {}
  const tell = (path: string) => {
    const name = recordName(basename(path))
    if (name === undefined) return
    onRecord(name)
    startTimer(() => {
      if (!stopped) onRecord(name)
    }, TRAILING).unref()
  }
  const start = async () => {
    const { watch } = await import('chokidar')
    if (stopped) return
    const watcher = watch(folder, {
      persistent: false,
      ignoreInitial: true,
      depth: 0,
      ignored: (path, stats) => stats?.isFile() === true && recordName(basename(path)) === undefined,
    })
    stop = () => void watcher.close()
    watcher.on('add', tell).on('change', tell).on('unlink', tell).on('error', onFailure).on('ready', onReady)
  }
  start().catch(onFailure)
  return () => {
    stopped = true
    stop()
  }
}
