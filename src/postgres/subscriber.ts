import { ReconnectBackoff } from '../core/shared/reconnect-backoff.js'
import { underDeadline } from '../database/deadline.js'
import { type ConnectionHandlers, type MessageConnection, Subscriber } from '../database/subscriber.js'
import { type Connection, closedError, type DedicatedClient } from './connection.js'

/** The wait before a lost connection is replaced: doubles up to the second figure. */
const RECONNECT_MIN_MS = 50
const RECONNECT_MAX_MS = 2000
const PING_INTERVAL_MS = 10_000

/** One connection that runs LISTEN for all who want to be notified. */
export const subscriberTo = (connection: Connection, listenStatement: string): Subscriber =>
  new Subscriber({
    open: (handlers) => open(connection, listenStatement, handlers),
    backoff: new ReconnectBackoff(RECONNECT_MIN_MS, RECONNECT_MAX_MS, { jitter: true }),
    pingIntervalMs: PING_INTERVAL_MS,
    closedError,
  })

async function open(
  connection: Connection,
  listenStatement: string,
  { onMessage, onEnd, signal }: ConnectionHandlers,
): Promise<MessageConnection> {
  // The time it takes to load pg is not the database's.
  const client = await connection.createClient()
  const close = () => drop(client)
  if (signal.aborted) throw closedError()
  signal.addEventListener('abort', close)
  client.on('end', onEnd)
  client.on('notification', ({ payload }) => onMessage(payload ?? ''))
  try {
    await underDeadline(
      async (deadline) => {
        const connected = client.connect()
        client.unref()
        await deadline.race(connected)
        await deadline.race(client.query(listenStatement))
      },
      { isBackground: true },
    )
  } catch (error) {
    close()
    throw error
  }
  client.unref()
  return { ping: () => client.query('SELECT 1'), close }
}

/** Closes it without waiting: a server that does not answer does not say goodbye either. */
const drop = (client: DedicatedClient): void => {
  client.end().catch(() => {})
}
