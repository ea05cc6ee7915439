import { startTimer, stopTimer, type Timer } from '../core/shared/clock.js'
import { ReconnectBackoff } from '../core/shared/reconnect-backoff.js'
import { underDeadline, withDeadline } from '../database/deadline.js'
import { type ConnectionHandlers, type MessageConnection, Subscriber } from '../database/subscriber.js'
import { type Connection, closedError, type DedicatedClient } from './connection.js'
import { isMissingTable } from './errors.js'
import type { Statements } from './statements.js'

/** The wait before a lost connection is replaced: doubles up to the second figure. */
const RECONNECT_MIN_MS = 50
const RECONNECT_MAX_MS = 2000
const PING_INTERVAL_MS = 10_000
/** Between two looks at what has changed. */
const POLL_MS = 250
/**
 * A change may become visible this much later than the moment that is written in it, since its
 * transaction may have to wait. Each look goes back so far, and reports what it did not see before.
 */
const OVERLAP_S = 2

/** One connection that asks for changes, for all who want to be notified. MySQL notifies nobody. */
export const subscriberTo = (connection: Connection, statements: Statements): Subscriber =>
  new Subscriber({
    open: (handlers) => open(connection, statements, handlers),
    backoff: new ReconnectBackoff(RECONNECT_MIN_MS, RECONNECT_MAX_MS, { jitter: true }),
    pingIntervalMs: PING_INTERVAL_MS,
    closedError,
  })

async function open(
  connection: Connection,
  statements: Statements,
  { onMessage, onEnd, signal }: ConnectionHandlers,
): Promise<MessageConnection> {
  const client = await connection.createDedicated(onEnd)
  const poll = new ChangePoll(client, statements, onMessage, onEnd)
  const close = () => poll.close()
  if (signal.aborted) close()
  signal.addEventListener('abort', close)
  try {
    await underDeadline((deadline) => deadline.race(poll.begin()), { isBackground: true })
  } catch (error) {
    close()
    throw error
  }
  return { ping: () => client.run('SELECT 1', []), close }
}

/** Asks one connection again and again for the rows that have changed. Reports `GENERATION KEY`. */
class ChangePoll {
  /** By key: the moment of its last change that was reported. Only of the overlap. */
  #reported = new Map<string, string>()
  #since = ''
  #timer: Timer | undefined
  #isClosed = false

  constructor(
    readonly client: DedicatedClient,
    readonly statements: Statements,
    readonly onChange: (message: string) => void,
    readonly onEnd: () => void,
  ) {}

  /** Changes from this moment on are reported. */
  async begin(): Promise<void> {
    const [row] = (await this.client.run(this.statements.now, [])).rows
    this.#since = before(String(row!.changed))
    for (const change of await this.#changes()) this.#reported.set(change.key, change.at)
    this.#pollLater()
  }

  #pollLater(): void {
    if (this.#isClosed) return
    this.#timer = startTimer(() => void this.#poll(), POLL_MS)
    this.#timer.unref()
  }

  async #poll(): Promise<void> {
    try {
      const changes = await withDeadline(this.#changes(), { isBackground: true })
      if (this.#isClosed) return
      const seen = this.#reported
      this.#reported = new Map(changes.map(({ key, at }) => [key, at]))
      for (const { key, at, generation } of changes) if (seen.get(key) !== at) this.onChange(`${generation} ${key}`)
      this.#pollLater()
    } catch {
      this.close()
      this.onEnd()
    }
  }

  async #changes(): Promise<{ key: string; generation: number; at: string }[]> {
    try {
      const { rows } = await this.client.run(this.statements.changedSince, [this.#since])
      const [present, ...changed] = rows
      this.#since = before(String(present!.changed))
      return changed.map((row) => ({ key: String(row.key), generation: Number(row.generation), at: String(row.changed) }))
    } catch (error) {
      // Without a table nothing has changed.
      if (isMissingTable(error)) return []
      throw error
    }
  }

  close(): void {
    this.#isClosed = true
    stopTimer(this.#timer)
    this.client.close()
  }
}

/** The moment so many seconds before another one. Both as the database writes them: UTC, microseconds. */
function before(moment: string): string {
  const [seconds = '', fraction = ''] = moment.split('.')
  const earlier = new Date(Date.parse(`${seconds.replace(' ', 'T')}Z`) - OVERLAP_S * 1000)
  return `${earlier.toISOString().slice(0, 19).replace('T', ' ')}.${fraction}`
}
