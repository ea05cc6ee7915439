import { connect } from 'node:net'

/** What `pg` knows of a connection: where its server is, and how to cancel its statement. */
export interface Session {
  readonly host: string
  readonly port: number
  readonly processID?: unknown
  readonly secretKey?: unknown
}

const CANCEL_REQUEST = 80877102
const CANCEL_TIMEOUT_MS = 1000

/**
 * Asks the server to abandon a statement whose result nobody waits for any more. Without this, a
 * statement that waits for a lock would wait on after its connection is closed, and a table that is
 * locked for long would use up the server's connections. The request goes over a connection of its
 * own, as the protocol wants. Nothing depends on its success.
 */
export function cancel({ host, port, processID, secretKey }: Session): void {
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return
  const request = Buffer.alloc(16)
  for (const [i, field] of [request.length, CANCEL_REQUEST, processID, secretKey].entries()) request.writeInt32BE(field, i * 4)
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
  socket.on('error', () => {})
  socket.setTimeout(CANCEL_TIMEOUT_MS, () => socket.destroy())
  socket.unref()
  socket.end(request)
}
