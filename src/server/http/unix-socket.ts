import { lstatSync, type Stats, unlinkSync } from 'node:fs'
import { connect, type Server } from 'node:net'

/** A unix socket that only we can open, in the place of one whose server is dead. */

export async function listenAtSocket(server: Server, path: string): Promise<void> {
  await clear(path)
  // The mode is the umask's from the very first moment: a chmod alone would come too late.
  const mask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // Binds before it returns.
      server.listen({ path }, () => {
        server.off('error', reject)
        resolve()
      })
      process.umask(mask)
    })
  } finally {
    process.umask(mask)
  }
}

/** Removes what a dead server left. Whatever else is there stays, and is an error. */
async function clear(path: string): Promise<void> {
  const found = look(path)
  if (found === undefined) return
  if (!found.isSocket()) throw inUse(path, 'is there and is no socket')
  if (await isAlive(path)) throw inUse(path, 'is the socket of a server that is alive')
  const again = look(path)
  if (again === undefined) return
  // A number of an inode is soon used again.
  if (again.ino !== found.ino || again.ctimeMs !== found.ctimeMs) throw inUse(path, 'was just taken by another server')
  unlinkSync(path)
}

/** The thing itself: a link is not followed. */
const look = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false })

const inUse = (path: string, problem: string): Error =>
  Object.assign(new Error(`cannot listen at ${path}: it ${problem}`), { code: 'EADDRINUSE' })

const isAlive = (path: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false)
      // Its queue is full: alive, and busy.
      else if (error.code === 'EAGAIN') resolve(true)
      else reject(error)
    })
  })
