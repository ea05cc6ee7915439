import { dirname, join } from 'node:path'
import { storeError } from '../../model/errors.js'
import { isManaged, lockFolder, stateFolder } from './file-names.js'
import * as io from './fs.js'

/** A folder with as many names as this is not searched for files of others: each fetch would pay. */
const MAX_NAMES_READ = 256

/** The bit of a folder that its users share, such as /tmp. */
const STICKY = 0o1000

/** The bit of a folder by which new entries get its group. */
const SETGID = 0o2000

/**
 * The folder of the records, and who may read and write in it. Knows nothing of what the files
 * hold.
 */
export class Folder {
  /**
   * The mode of the folder: read and write bits as in `fileMode`, and the execute bits that match
   * them.
   */
  readonly #mode: number
  /** The user chose the mode, and thereby shares the folder with a group on purpose. */
  readonly #isModeGiven: boolean
  /** Whether the mode gives the group any right. */
  readonly #isShared: boolean

  constructor(
    readonly path: string,
    readonly fileMode: number | undefined,
    readonly warn: (code: string, message: string, key?: string) => void,
  ) {
    this.#isModeGiven = fileMode !== undefined
    this.#isShared = ((fileMode ?? 0) & 0o060) !== 0
    this.#mode = 0o700 | ((fileMode ?? 0) & 0o040 ? 0o050 : 0) | ((fileMode ?? 0) & 0o020 ? 0o020 : 0)
  }

  #isChecked = false
  /** The owner of the folder. */
  #uid = 0
  /** The group of the folder. */
  #gid = 0
  /** The bit of the folder by which new entries get its group, or 0. */
  #setgid = 0

  /**
   * Refuses a folder in which another user could plant or read a secret. `false`: the folder does
   * not exist yet.
   *
   * @param recheck also check a folder that was checked before. One check is enough for reading.
   *   Each acquisition of a lock checks again.
   * @throws DogError `ERR_DOG_STORE`
   */
  check(recheck = false): boolean {
    if (this.#isChecked && !recheck) return true
    let found: ReturnType<typeof io.statFollowingLinks>
    try {
      found = io.statFollowingLinks(this.path)
    } catch (error) {
      throw storeError(this.path, `cannot be reached${io.ownerOf(this.path, error)}`, error)
    }
    if (found === undefined) return false
    if (!found.isDirectory()) throw storeError(this.path, 'is not a folder')
    this.#uid = found.uid
    this.#gid = found.gid
    this.#setgid = found.mode & SETGID
    if (process.getuid !== undefined) this.#protect(found.uid, found.mode & 0o1777)
    this.#isChecked = true
    return true
  }

  #protect(uid: number, mode: number): void {
    const ownUid = process.getuid!()
    if (uid !== ownUid && uid !== 0 && !this.#isOfOwnGroup())
      throw storeError(this.path, `belongs to another user (uid ${uid}, we are ${ownUid})`)
    refuseWorldWritable(this.path, mode, () => (mode & STICKY) === 0 && this.#isOwn())
    const excess = mode & 0o777 & ~this.#mode
    if (excess === 0) return
    // A folder that holds only files of dotdog is tightened. A project's own folder is not.
    if (uid === ownUid && !this.#isModeGiven && this.#isOwn()) io.chmod(this.path, this.#mode)
    else if (excess & 0o020 && !this.#isChecked) this.warn('ERR_DOG_STORE', `${this.path} is writable by its group`)
  }

  /**
   * Whether the folder is shared on purpose with a group to which this process belongs. Only a member
   * of a group, or root, can have given the folder to it, and every member is trusted then.
   */
  #isOfOwnGroup(): boolean {
    return this.#isShared && (process.getgid!() === this.#gid || process.getgroups!().includes(this.#gid))
  }

  /**
   * Whether the folder holds only files of dotdog. One that has too many to tell is left as it is, as
   * its files are private all the same.
   */
  #isOwn(): boolean {
    const names = io.listSome(this.path, MAX_NAMES_READ)
    return names.length < MAX_NAMES_READ && names.every(isManaged)
  }

  /**
   * Makes the folder and its subfolders where they are missing, and checks them, before a fetch is
   * spent.
   */
  prepare(): void {
    if (!this.check(true)) {
      let isNew = false
      this.#attempt(this.path, () => {
        isNew = makeFolders(this.path, this.#mode)
        // In a parent with the setgid bit the new folder has it too. chmod would take it away.
        io.chmod(this.path, this.#mode | (this.#isShared ? (io.stat(this.path)?.mode ?? 0) & SETGID : 0))
      })
      this.#attempt(this.path, () => {
        // `.gitignore` is written by the process that made the folder, even if another one has put
        // a file there since, and by any process that finds the folder empty.
        isNew ||= io.listSome(this.path, 1).length === 0
        if (isNew) io.createFile(join(this.path, '.gitignore'), Buffer.from('*\n'), 0o600)
      })
      this.check(true)
    }
    for (const path of [lockFolder(this.path), stateFolder(this.path)]) {
      if (!this.checkSubfolder(path)) this.#attempt(path, () => this.makeSubfolder(path))
    }
  }

  /**
   * Refuses a symbolic link, and a subfolder in which another user could put files. `false`: it
   * does not exist.
   *
   * @throws DogError `ERR_DOG_STORE`
   */
  checkSubfolder(path: string): boolean {
    const found = io.stat(path)
    if (found === undefined) return false
    if (!found.isDirectory()) throw storeError(path, 'is not a folder')
    this.protect(path, found)
    return true
  }

  /**
   * Refuses a file or folder that another user put there, or could have. In a folder that is shared
   * with a group on purpose, it may belong to any member of the group.
   *
   * @throws DogError `ERR_DOG_STORE`
   */
  protect(path: string, { uid, mode }: { uid: number; mode: number }): void {
    if (process.getuid === undefined) return
    const ownUid = process.getuid()
    refuseWorldWritable(path, mode)
    if (this.#isModeGiven || uid === ownUid || uid === 0 || uid === this.#uid) return
    throw storeError(path, `belongs to another user (uid ${uid}, we are ${ownUid})`)
  }

  makeSubfolder(path: string): void {
    io.makeFolder(path, { mode: this.#mode })
    if (this.#isShared) io.setGroup(path, this.#gid)
    io.chmod(path, this.#mode | (this.#isShared ? this.#setgid : 0))
  }

  /**
   * Creates a file that must not exist yet, with the mode of the folder's files. Where they are shared
   * with a group it is the folder's group, which need not be this process's first one.
   */
  createFile(path: string, bytes: Buffer): void {
    const mode = this.fileMode ?? 0o600
    io.createFile(path, bytes, mode, this.#isShared ? this.#gid : undefined)
    if (!this.#isModeChecked) this.#checkMode(path, mode)
  }

  #isModeChecked = false

  /** Warns once where the file system does not keep modes (vfat, exfat, CIFS and others). */
  #checkMode(path: string, mode: number): void {
    this.#isModeChecked = true
    if (process.getuid === undefined) return
    const found = (io.stat(path)?.mode ?? 0) & 0o777
    if ((found & ~mode & 0o077) === 0) return
    const [has, wanted] = [found, mode].map((bits) => `0${bits.toString(8)}`)
    const advice = 'mount it with uid, umask=077 or the like'
    const message = `${this.path}: others may read its files (${has}, not ${wanted}), as the file system has no modes: ${advice}`
    this.warn('ERR_DOG_STORE', message)
  }

  #attempt(path: string, make: () => void): void {
    try {
      make()
    } catch (error) {
      // Another process made it first.
      if (io.codeOf(error) === 'EEXIST') return
      throw storeError(path, `cannot be made${io.ownerOf(path, error)}`, error)
    }
  }
}

/** @param isOwn whether the path is dotdog's own, so that its mode may be changed; default: it is */
function refuseWorldWritable(path: string, mode: number, isOwn = () => true): void {
  if ((mode & 0o002) === 0) return
  const advice = isOwn()
    ? 'check what is in it, then chmod o-w it'
    : `use a folder of your own in it, such as ${join(path, '.dog')}`
  throw storeError(path, `is writable by everybody: ${advice}`)
}

/**
 * Makes a folder, and its parents. `false`: it exists. Node's recursive `mkdir` says ENOENT whatever the
 * reason is, such as a read-only parent (EROFS) or a spent quota (EDQUOT).
 */
function makeFolders(path: string, mode: number): boolean {
  for (let isParentMade = false; ; isParentMade = true) {
    try {
      io.makeFolder(path, { mode })
      return true
    } catch (error) {
      if (io.codeOf(error) === 'EEXIST') return false
      if (io.codeOf(error) !== 'ENOENT' || isParentMade || dirname(path) === path) throw error
      makeFolders(dirname(path), mode)
    }
  }
}
