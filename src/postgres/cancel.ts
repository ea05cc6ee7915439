import { connect } from 'node:net'

/** What `pg` knows of a connection. */
export interface Session {
  readonly host: string
  readonly port: number
  readonly processID?: unknown
  readonly secretKey?: unknown
}

const CANCEL_REQUEST = 80877102
/** Milliseconds. */
const PATIENCE = 1000

/**
 * Asks the server to leave a statement that nobody waits for any more. Without this, one that waits for a lock waits on after
 * its connection is closed, and a table that is locked for long would use up the server's connections. A courtesy, by a
 * connection of its own as the protocol wants it: nothing depends on its success.
 */
export function cancel({ host, port, processID, secretKey }: Session): void {
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return
  const request = Buffer.alloc(16)
  for (const [i, field] of [request.length, CANCEL_REQUEST, processID, secretKey].entries()) request.writeInt32BE(field, i * 4)
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
  socket.on('error', () => {})
  socket.setTimeout(PATIENCE, () => socket.destroy())
  socket.unref()
  socket.end(request)
}
