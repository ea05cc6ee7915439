import { statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Watches the files that a program depends on: its configuration, certificates and secrets. */

/** From a sign of a change to the check: an editor writes in several steps. */
const SETTLE_MS = 100
/**
 * Between two checks without a sign: a folder may be replaced by another one of the same name, and a
 * watcher may not be available.
 */
const RECHECK_INTERVAL_MS = 2000

/** The part of chokidar's watcher that is used. */
interface FolderWatcher {
  add(paths: string[]): unknown
  unwatch(paths: string[]): unknown
  close(): Promise<void>
}

/**
 * Calls back with the files that have changed since they were first named. Keeps the process alive
 * from `start` to `close`.
 */
export class FileWatch {
  readonly #versions = new Map<string, string | undefined>()
  /** The folders that are watched, with their identity: a replaced folder is another one. */
  readonly #folders = new Map<string, string | undefined>()
  readonly #onChange: (paths: string[]) => void
  #watcher: FolderWatcher | undefined
  #recheck: NodeJS.Timeout | undefined
  #pending: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(onChange: (paths: string[]) => void) {
    this.#onChange = onChange
  }

  /** Names the files. Call it before they are read: a change after the call counts. */
  set(paths: readonly string[]): void {
    for (const path of this.#versions.keys()) if (!paths.includes(path)) this.#versions.delete(path)
    for (const path of paths) if (!this.#versions.has(path)) this.#versions.set(path, fileVersion(path))
    this.#followFolders()
  }

  async start(): Promise<void> {
    const { watch } = await import('chokidar')
    if (this.#isClosed) return
    // The folders are watched, because a replaced file is another file. Nothing in them is watched
    // for itself: every event counts, because a file may be a link to one that changes.
    const watcher = watch([], {
      persistent: true,
      ignoreInitial: true,
      depth: 0,
      ignored: (path) => !this.#folders.has(path),
    })
    watcher.on('raw', () => this.#scheduleCheck())
    watcher.on('all', () => this.#scheduleCheck())
    // The re-check finds the change.
    watcher.on('error', () => {})
    this.#watcher = watcher
    this.#followFolders()
    this.#recheck = setInterval(() => {
      this.#followFolders()
      this.#scheduleCheck()
    }, RECHECK_INTERVAL_MS)
    this.#scheduleCheck()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#recheck)
    clearTimeout(this.#pending)
    await this.#watcher?.close()
  }

  #followFolders(): void {
    if (this.#watcher === undefined) return
    const wanted = new Set([...this.#versions.keys()].map((path) => dirname(path)))
    for (const [folder, identity] of this.#folders) {
      if (wanted.has(folder) && identity === identityOf(folder)) continue
      this.#watcher.unwatch([folder])
      this.#folders.delete(folder)
    }
    for (const folder of wanted) {
      const identity = identityOf(folder)
      if (this.#folders.has(folder) || identity === undefined) continue
      this.#folders.set(folder, identity)
      this.#watcher.add([folder])
    }
  }

  #scheduleCheck(): void {
    if (!this.#isClosed) this.#pending ??= setTimeout(() => this.#check(), SETTLE_MS)
  }

  #check(): void {
    this.#pending = undefined
    const changed: string[] = []
    for (const [path, known] of this.#versions) {
      const version = fileVersion(path)
      // In the middle of a replacement there is no file. An unreadable file counts as unchanged.
      if (version === known || version === undefined) continue
      this.#versions.set(path, version)
      changed.push(path)
    }
    if (changed.length > 0) this.#onChange(changed)
  }
}

/** Differs for every state of the file. Undefined if there is no file, or it cannot be checked. */
function fileVersion(path: string): string | undefined {
  try {
    const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true })
    return `${dev}:${ino}:${size}:${mtimeNs}`
  } catch {
    return undefined
  }
}

function identityOf(folder: string): string | undefined {
  try {
    const { dev, ino } = statSync(folder, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}
