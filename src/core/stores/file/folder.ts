import { dirname, join, resolve, sep } from 'node:path'
import { storeError } from '../../model/errors.js'
import { isManaged, lockFolder, stateFolder } from './file-names.js'
import * as io from './fs.js'

/** Where the files are, and who may get at them. Knows nothing of what they hold. */

/**
 * `DOTDOG_DIR`, else the nearest `.dog` at or above the main script, else beside its package.json, else in the working
 * folder. Not the working folder first: cron, systemd and a shell would have three folders, and three fetches that kill
 * each other.
 */
export function defaultFolder(): string {
  if (process.env.DOTDOG_DIR) return resolve(process.env.DOTDOG_DIR)
  const script = mainScript()
  if (script !== undefined) {
    let project: string | undefined
    for (const folder of upwards(dirname(script))) {
      const candidate = join(folder, '.dog')
      if (isOwnFolder(candidate)) return candidate
      if (project === undefined && io.statFollowingLinks(join(folder, 'package.json'))?.isFile()) project = candidate
    }
    if (project !== undefined) return project
  }
  return resolve('.dog')
}

/** A script inside node_modules (a test runner, a process manager) belongs to the project around it. */
function mainScript(): string | undefined {
  const script = process.argv[1]
  if (script === undefined) return undefined
  try {
    const real = io.realPath(script)
    const cut = real.indexOf(`${sep}node_modules${sep}`)
    return cut < 0 ? real : join(real.slice(0, cut), 'main')
  } catch {
    return undefined
  }
}

/** The folder and those above it, up to the home folder if it lies there. */
function* upwards(folder: string): Iterable<string> {
  let home: string | undefined
  for (let at = folder; ; at = dirname(at)) {
    yield at
    // Loaded only where the first folder is not the one: it costs a start more than the look itself.
    home ??= process.getBuiltinModule('node:os').homedir()
    if (at === home || at === dirname(at)) return
  }
}

/** Somebody else's folder above us must not catch our secrets, nor stop us. */
function isOwnFolder(path: string): boolean {
  try {
    const found = io.statFollowingLinks(path)
    return found?.isDirectory() === true && (process.getuid === undefined || found.uid === process.getuid())
  } catch {
    return false
  }
}

export class Folder {
  /** A folder gets the execute bits that match its files' mode. */
  readonly #mode: number
  readonly #given: boolean

  constructor(
    readonly path: string,
    readonly fileMode: number | undefined,
    readonly warn: (code: string, message: string, key?: string) => void,
  ) {
    this.#given = fileMode !== undefined
    this.#mode = 0o700 | ((fileMode ?? 0) & 0o040 ? 0o050 : 0) | ((fileMode ?? 0) & 0o020 ? 0o020 : 0)
  }

  #checked = false
  #uid = 0

  /**
   * Refuses a folder in which somebody else could plant or read a secret. `false`: there is none yet.
   *
   * @param again check although it was checked before: once is enough to read, every take looks again.
   */
  check(again = false): boolean {
    if (this.#checked && !again) return true
    let found: ReturnType<typeof io.statFollowingLinks>
    try {
      found = io.statFollowingLinks(this.path)
    } catch (error) {
      throw storeError(this.path, `cannot be reached${io.ownerOf(this.path)}`, error)
    }
    if (found === undefined) return false
    if (!found.isDirectory()) throw storeError(this.path, 'is not a folder')
    this.#uid = found.uid
    if (process.getuid !== undefined) this.#protect(found.uid, found.mode & 0o777)
    this.#checked = true
    return true
  }

  #protect(uid: number, mode: number): void {
    const us = process.getuid!()
    if (uid !== us && uid !== 0) throw storeError(this.path, `belongs to another user (uid ${uid}, we are ${us})`)
    if (mode & 0o002) throw storeError(this.path, 'is writable by everybody: chmod o-w it, after a look at what is in it')
    const excess = mode & ~this.#mode
    if (excess === 0) return
    // A project's own folder is not ours to close; a folder that holds nothing but our files is.
    if (uid === us && !this.#given && io.list(this.path).every(isManaged)) io.chmod(this.path, this.#mode)
    else if (excess & 0o020 && !this.#checked) this.warn('ERR_DOG_STORE', `${this.path} is writable by its group`)
  }

  /** Makes what is missing of the folder, and checks what is there. Before a fetch is spent. */
  prepare(): void {
    if (!this.check(true)) {
      let isNew = false
      this.#attempt(this.path, () => {
        isNew = io.makeFolder(this.path, { recursive: true, mode: this.#mode }) !== undefined
        io.chmod(this.path, this.#mode)
      })
      this.#attempt(this.path, () => {
        // Who made it, though another process has put something there since; or who finds it as it was just made.
        isNew ||= io.list(this.path).length === 0
        if (isNew) io.createFile(join(this.path, '.gitignore'), Buffer.from('*\n'), 0o600)
      })
      this.check(true)
    }
    for (const path of [lockFolder(this.path), stateFolder(this.path)]) {
      if (!this.checkInside(path)) this.#attempt(path, () => this.makeInside(path))
    }
  }

  /** Refuses a link, and a folder in which somebody else could put things. `false`: there is none. */
  checkInside(path: string): boolean {
    const found = io.stat(path)
    if (found === undefined) return false
    if (!found.isDirectory()) throw storeError(path, 'is not a folder')
    this.protect(path, found)
    return true
  }

  /** Refuses what somebody else put there, or could have. What is shared with a group on purpose belongs to any of it. */
  protect(path: string, { uid, mode }: { uid: number; mode: number }): void {
    if (process.getuid === undefined) return
    const us = process.getuid()
    if (mode & 0o002) throw storeError(path, 'is writable by everybody: chmod o-w it, after a look at what is in it')
    if (this.#given || uid === us || uid === 0 || uid === this.#uid) return
    throw storeError(path, `belongs to another user (uid ${uid}, we are ${us})`)
  }

  makeInside(path: string): void {
    io.makeFolder(path, { mode: this.#mode })
    io.chmod(path, this.#mode)
  }

  #attempt(path: string, make: () => void): void {
    try {
      make()
    } catch (error) {
      // Another process made it first.
      if (io.codeOf(error) === 'EEXIST') return
      throw storeError(path, `cannot be made${io.ownerOf(path)}`, error)
    }
  }
}
