import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DogServer, Where } from 'dotdog/server'
import { gidOf, modeOf } from '../../files/rights.js'
import type { ListenConfig } from '../../lib/config.js'
import { ExitError } from '../../lib/exit-error.js'

/** Where `dotdog serve` listens: a port, a unix socket or one that systemd passes on, or both. */

/** The first descriptor that systemd passes on (sd_listen_fds). */
const FIRST_INHERITED_FD = 3

/** @throws ExitError (code 2) for a member of `listen` that is wrong. */
export function placesOf(listen: ListenConfig, folder: string, env: NodeJS.ProcessEnv): Where[] {
  const { port, host, socket, socketMode, socketGroup } = listen
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new ExitError(2, 'listen.port must be a whole number from 0 to 65535, such as 8080')
  }
  if (port === undefined && host !== undefined) throw new ExitError(2, 'listen.host needs a listen.port')
  const rights = {
    ...(socketMode === undefined ? {} : { mode: modeOf('listen.socketMode', socketMode) }),
    ...(socketGroup === undefined ? {} : { gid: gidOf('listen.socketGroup', socketGroup) }),
  }
  const ports: Where[] = port === undefined ? [] : [host === undefined ? { port } : { port, host }]
  // Beside a port the socket is the operator's: whoever may open it may do everything.
  const operator = port === undefined ? {} : { operator: true }
  const inherited = inheritedFds(env)
  if (inherited.length > 0) return [...ports, ...inherited.map((fd) => ({ fd, ...operator }))]
  if (socket !== undefined) return [...ports, { socketPath: socket, ...rights, ...operator }]
  if (port === undefined) return [{ socketPath: defaultSocket(folder, env), ...rights }]
  if (Object.keys(rights).length > 0) throw new ExitError(2, 'listen.socketMode and listen.socketGroup need a listen.socket')
  return ports
}

function defaultSocket(folder: string, { XDG_RUNTIME_DIR: runtimeDir }: NodeJS.ProcessEnv): string {
  return join(runtimeDir && existsSync(runtimeDir) ? runtimeDir : folder, 'dotdog.sock')
}

/** The sockets that systemd opened for this process, and for no other. */
function inheritedFds({ LISTEN_PID, LISTEN_FDS }: NodeJS.ProcessEnv): number[] {
  if (LISTEN_PID !== String(process.pid)) return []
  return Array.from({ length: Number(LISTEN_FDS) || 0 }, (_, index) => FIRST_INHERITED_FD + index)
}

/** Listens at every place. @throws ExitError with a sentence that says what to change. */
export async function listenAt(server: DogServer, places: readonly Where[]): Promise<string[]> {
  const addresses: string[] = []
  for (const place of places) addresses.push(await server.listen(place).catch((error: unknown) => explain(error, place)))
  return addresses
}

/** @throws always. */
function explain(error: unknown, place: Where): never {
  const { code } = Object(error) as { code?: string }
  const help = 'socketPath' in place ? socketHelp(code, place) : portHelp(code)
  throw help === undefined ? error : new ExitError(1, help)
}

function socketHelp(code: string | undefined, { socketPath, gid }: { socketPath: string; gid?: number }): string | undefined {
  const folder = dirname(socketPath)
  if (code === 'ENOENT') {
    return `listen.socket: the folder ${folder} does not exist; make it (mkdir -m 0750 ${folder}), or with systemd: RuntimeDirectory=`
  }
  if (code === 'EACCES')
    return `listen.socket: this user may not write to ${folder}; choose another folder, or give it to this user`
  if (code === 'EPERM' && gid !== undefined) {
    return `listen.socketGroup: this user is not in the group ${gid}; add the user to it, or choose another group`
  }
  return undefined
}

function portHelp(code: string | undefined): string | undefined {
  if (code === 'EADDRINUSE') return 'listen.port: another program listens there; choose another port, or end that program'
  if (code === 'EACCES') return 'listen.port: a port below 1024 is for root; choose a higher one, such as 8080'
  if (code === 'EADDRNOTAVAIL') return 'listen.host: this machine has no such address; see `ip address`, or leave it out'
  return undefined
}
