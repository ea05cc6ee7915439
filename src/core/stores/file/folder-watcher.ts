import { nextTick, startTimer, stopTimer, type Timer } from '../../shared/clock.js'
import { recordName } from './file-names.js'
import * as io from './fs.js'

/**
 * Watches the folder of the records in two ways: `FolderWatcher` wakes callers that wait for a
 * change, `watchRecords` reports which records changed. Both watch the folder and never a file, and
 * neither keeps the process alive. This file knows nothing of what a record holds.
 */

/** The watcher stays open for this long after the last waiter left. */
const IDLE_CLOSE_MS = 1000

/**
 * Records are also checked at this interval: no watcher notices a change by another machine (NFS, CIFS),
 * or through another mount.
 */
const CHECK_INTERVAL_MS = 1000

/** The interval at which a removed folder is looked for again. */
const RESTART_DELAY_MS = 1000

/**
 * Wakes waiters when anything in the folder changes. All waiters share one watcher of the system.
 * It is only an aid: every waiter also polls. Where the system has no watcher left (by default the
 * 129th of one user fails), polling is all there is.
 */
export class FolderWatcher {
  readonly #callbacks = new Set<() => void>()
  #stopWatching: (() => void) | undefined
  #hasFailed = false
  #idleTimer: Timer | undefined

  constructor(
    readonly folder: string,
    readonly warn: (code: string, message: string) => void,
  ) {}

  /** Whether changes wake the waiters. If so, they need not poll as often. */
  get isOn(): boolean {
    return this.#stopWatching !== undefined
  }

  /** Calls back on every change. Returns the function that unsubscribes. */
  subscribe(callback: () => void): () => void {
    this.#callbacks.add(callback)
    if (this.#stopWatching === undefined && !this.#hasFailed) this.#start()
    return () => {
      this.#callbacks.delete(callback)
      if (this.#callbacks.size === 0) this.#closeWhenIdle()
    }
  }

  #start(): void {
    const wakeAll = () => {
      for (const callback of this.#callbacks) callback()
    }
    try {
      this.#stopWatching = io.watchFolder(this.folder, wakeAll, () => this.#fail('stopped'))
    } catch (error) {
      this.#fail(io.codeOf(error) ?? 'failed')
    }
  }

  /**
   * Closes the watcher later. At this moment the last waiter is about to get its answer, as are all
   * other waiters on the machine, and it may wait again soon.
   */
  #closeWhenIdle(): void {
    stopTimer(this.#idleTimer)
    this.#idleTimer = startTimer(() => {
      if (this.#callbacks.size === 0) this.#stop()
    }, IDLE_CLOSE_MS)
    this.#idleTimer.unref()
  }

  #fail(reason: string): void {
    this.#stop()
    this.#hasFailed = true
    this.warn('ERR_DOG_STORE', `${this.folder} cannot be watched (${reason}): polling instead`)
  }

  /** Closes the watcher now. A later `subscribe` opens another. */
  close(): void {
    stopTimer(this.#idleTimer)
    this.#stop()
  }

  #stop(): void {
    this.#stopWatching?.()
    this.#stopWatching = undefined
  }
}

interface RecordListeners {
  /** A record changed. Gets its encoded name. */
  onRecord(name: string): void
  /** Any record may have changed: changes before this call were not reported. */
  onAny(): void
  /** It is time to check the known records for changes that the watcher did not notice. */
  onCheck(): void
  /** Watching failed and has ended. The checks go on. */
  onFailure(): void
}

/** Reports which records change. Returns the function that stops. */
export function watchRecords(folder: string, { onRecord, onAny, onCheck, onFailure }: RecordListeners): () => void {
  let isStopped = false
  let closeWatcher = () => {}
  let timer: Timer | undefined
  let inode: number | undefined

  const currentInode = () => io.statFollowingLinks(folder)?.ino
  const start = () => {
    if (isStopped) return
    try {
      inode = currentInode()
      if (inode === undefined) return restartLater()
      closeWatcher = io.watchFolder(folder, onChange, fail)
      onAny()
    } catch {
      fail()
    }
  }
  const close = () => {
    closeWatcher()
    closeWatcher = () => {}
  }
  const restartLater = () => {
    close()
    timer = startTimer(start, RESTART_DELAY_MS).unref()
  }
  const fail = () => {
    close()
    onFailure()
  }
  const onChange = (file: string | null) => {
    const name = file === null ? undefined : recordName(file)
    if (name !== undefined) return onRecord(name)
    // The folder may have been removed, or replaced by another. This watcher would report nothing
    // of the new folder.
    try {
      if (currentInode() !== inode) return restartLater()
    } catch {
      return fail()
    }
    if (file === null) onAny()
  }

  // Starts in the next tick, so that the caller has the stop function before any listener is
  // called.
  nextTick(start)
  let checkTimer: Timer | undefined
  const checkLater = () => {
    checkTimer = startTimer(() => {
      onCheck()
      checkLater()
    }, CHECK_INTERVAL_MS).unref()
  }
  checkLater()
  return () => {
    isStopped = true
    stopTimer(timer)
    stopTimer(checkTimer)
    close()
  }
}
