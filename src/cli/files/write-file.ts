import { chownSync, writeFileSync } from 'node:fs'
import { ExitError } from '../lib/exit-error.js'
import { checkOutput } from './safe-folder.js'

/** Who may read a file that is written. */
export interface Rights {
  mode: number
  /** Default: the group of this process. */
  gid?: number | undefined
}

interface AtomicWriter {
  sync(
    path: string,
    text: Buffer,
    options: { mode: number; chown?: { uid: number; gid: number }; tmpfileCreated(path: string): void },
  ): void
}

const ONLY_OWNER_UMASK = 0o077

/**
 * Writes a file that others see whole: the old one or the new one. Only in a folder that nobody else
 * can write.
 *
 * @throws ExitError: code 2 for a place that is refused, code 1 for a disk or a group that refuses.
 */
export function writeWhole(path: string, text: string, { mode, gid }: Rights): void {
  const { sync } = require('write-file-atomic') as AtomicWriter
  const real = checkOutput(path)
  const bytes = Buffer.from(text)
  const owner = process.getuid === undefined ? undefined : { uid: process.getuid(), gid: gid ?? process.getgid!() }
  // Synchronous, so that no signal ends the program in the middle, and nothing else runs under this
  // mask: before its group is set the file is for its owner only.
  const umask = process.umask(ONLY_OWNER_UMASK)
  try {
    sync(real, bytes, {
      mode,
      ...(owner === undefined ? {} : { chown: owner }),
      tmpfileCreated(temporary) {
        // The package takes a short write on a full disk for a whole one. This one fails then.
        writeFileSync(temporary, bytes)
        // It also takes a group that was not set for set, unless we are root.
        if (owner !== undefined && gid !== undefined) chownSync(temporary, owner.uid, owner.gid)
      },
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EPERM' && gid !== undefined) {
      throw new ExitError(1, `${path}: this user may not give a file to the group ${gid}: add the user to it`)
    }
    throw new ExitError(1, `${path} cannot be written (${code})`)
  } finally {
    process.umask(umask)
  }
}
