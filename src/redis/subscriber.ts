import { ReconnectBackoff } from '../core/shared/reconnect-backoff.js'
import { underDeadline } from '../database/deadline.js'
import { type ConnectionHandlers, type MessageConnection, Subscriber } from '../database/subscriber.js'
import type { ConnectionProvider } from './connection-provider.js'
import { closedError } from './errors.js'
import { connect, end } from './ioredis.js'

/** The wait before a lost connection is replaced: doubles up to the second figure. */
const RECONNECT_MIN_MS = 50
const RECONNECT_MAX_MS = 500
const PING_INTERVAL_MS = 5000

/** One connection that is subscribed to a channel for all who want to be notified. */
export const subscriberTo = (connections: ConnectionProvider, channel: string): Subscriber =>
  new Subscriber({
    open: (handlers) => open(connections, channel, handlers),
    backoff: new ReconnectBackoff(RECONNECT_MIN_MS, RECONNECT_MAX_MS),
    pingIntervalMs: PING_INTERVAL_MS,
    closedError,
  })

const open = (
  connections: ConnectionProvider,
  channel: string,
  { onMessage, onEnd, signal }: ConnectionHandlers,
): Promise<MessageConnection> =>
  underDeadline(
    async (deadline) => {
      const redis = await deadline.race(connections.createConnection(), end)
      const close = () => end(redis)
      if (signal.aborted) throw closedError()
      signal.addEventListener('abort', close)
      redis.once('end', onEnd)
      redis.on('message', (_channel, message: string) => onMessage(message))
      try {
        await deadline.race(connect(redis))
        await deadline.race(redis.subscribe(channel))
      } catch (error) {
        close()
        throw error
      }
      return { ping: () => redis.ping(), close }
    },
    { isBackground: true },
  )
