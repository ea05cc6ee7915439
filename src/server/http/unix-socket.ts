import { chmodSync, existsSync, lchownSync, lstatSync, type Stats, unlinkSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'

const OWNER_ONLY_UMASK = 0o177
const OWN_MODE = 0o600

export interface SocketRights {
  mode?: number
  gid?: number
}

/**
 * Listens at a unix socket that only the owner can open, unless a mode says otherwise. Replaces the
 * socket of a dead server.
 *
 * @throws Error with `code` `EADDRINUSE` if a live server or another file has the path, and `ENOENT`
 * if its folder does not exist.
 */
export async function listenAtSocket(server: Server, path: string, { mode = OWN_MODE, gid }: SocketRights = {}): Promise<void> {
  if (!existsSync(dirname(path))) {
    throw Object.assign(new Error(`cannot listen at ${path}: the folder ${dirname(path)} does not exist; make it first`), {
      code: 'ENOENT',
    })
  }
  await removeDeadSocket(path)
  // The umask sets the mode from the first moment on: a chmod would come too late.
  const previousUmask = process.umask(OWNER_ONLY_UMASK)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // Binds before it returns.
      server.listen({ path }, () => {
        server.off('error', reject)
        resolve()
      })
      process.umask(previousUmask)
    })
  } finally {
    process.umask(previousUmask)
  }
  // Opened to others only now that the group is the right one.
  if (gid !== undefined) lchownSync(path, process.getuid?.() ?? 0, gid)
  if (mode !== OWN_MODE) chmodSync(path, mode)
}

/** Removes the socket of a dead server. Anything else at the path stays, and is an error. */
async function removeDeadSocket(path: string): Promise<void> {
  const found = statOf(path)
  if (found === undefined) return
  if (!found.isSocket()) throw inUse(path, 'is there and is no socket')
  if (await hasLiveServer(path)) throw inUse(path, 'is the socket of a server that is alive')
  const current = statOf(path)
  if (current === undefined) return
  // An inode number is soon used again, so the time of its last change is compared as well.
  if (current.ino !== found.ino || current.ctimeMs !== found.ctimeMs) {
    throw inUse(path, 'was just taken by another server')
  }
  unlinkSync(path)
}

/** Of the file itself: a symbolic link is not followed. */
const statOf = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false })

const inUse = (path: string, problem: string): Error =>
  Object.assign(new Error(`cannot listen at ${path}: it ${problem}`), { code: 'EADDRINUSE' })

const hasLiveServer = (path: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false)
      // Its queue is full: the server is alive and busy.
      else if (error.code === 'EAGAIN') resolve(true)
      else reject(error)
    })
  })
