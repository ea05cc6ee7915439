import { nextTick, startTimer, stopTimer, type Timer } from '../../shared/clock.js'
import { recordName } from './file-names.js'
import * as io from './fs.js'

/**
 * Tells listeners which records changed: by the folder, never by a file, and without keeping the process alive. Knows nothing
 * of what a record holds.
 */

/** Milliseconds until a folder that was removed is looked for again. */
const RETRY_MS = 1000

interface Listeners {
  /** With a record's encoded name. */
  onRecord(name: string): void
  /** Any may have changed: what happened until now was not told. */
  onAny(): void
  onFailure(): void
}

/** Returns the stop function. */
export function watchRecords(folder: string, { onRecord, onAny, onFailure }: Listeners): () => void {
  let isOver = false
  let end = () => {}
  let timer: Timer | undefined
  let inode: number | undefined

  const inodeNow = () => io.statFollowingLinks(folder)?.ino
  const start = () => {
    if (isOver) return
    try {
      inode = inodeNow()
      if (inode === undefined) return again()
      end = io.watchFolder(folder, onChange, fail)
      onAny()
    } catch {
      fail()
    }
  }
  const stop = () => {
    end()
    end = () => {}
  }
  const again = () => {
    stop()
    timer = startTimer(start, RETRY_MS).unref()
  }
  const fail = () => {
    stop()
    onFailure()
  }
  const onChange = (file: string | null) => {
    const name = file === null ? undefined : recordName(file)
    if (name !== undefined) return onRecord(name)
    // Perhaps the folder's own end, or its replacement by another, of which nothing would be heard.
    try {
      if (inodeNow() !== inode) return again()
    } catch {
      return fail()
    }
    if (file === null) onAny()
  }

  // Who asked has the stop function first.
  nextTick(start)
  return () => {
    isOver = true
    stopTimer(timer)
    stop()
  }
}
