/**
 * The log of requests, for tests and for openapi/rid/get. It holds no query, body, secret, token or
 * ticket.
 */
import type { Fault } from './faults.js'

/** A request that was answered, or that failed by a fault ordered with `fail()`. */
export interface LogEntry {
  /** Epoch milliseconds of the platform's clock. */
  at: number
  method: string
  path: string
  /** The HTTP status; 0 if the connection was cut. */
  status: number
  /** 0 for success; `undefined` if no complete JSON was sent. */
  errcode: number | undefined
  rid: string | undefined
  /** The fault that the request ran into. */
  fault: Fault | undefined
  /** The account; `undefined` if the request was refused before it was known. */
  appId: string | undefined
  ip: string
}

/** Older entries are dropped, because a fake may run for weeks. */
const MAX_ENTRIES = 10_000

export interface RequestLog {
  readonly entries: LogEntry[]
  add(entry: LogEntry): LogEntry
  findByRid(rid: string): LogEntry | undefined
}

const MAX_PATH_CHARS = 200

/**
 * Hides secrets that a caller put into a path by mistake. AppSecrets have 32 characters, tickets 86
 * and tokens more.
 */
const redactPath = (path: string): string => path.replace(/[\w-]{32,}/g, '***').slice(0, MAX_PATH_CHARS)

export function createRequestLog(): RequestLog {
  const entries: LogEntry[] = []
  return {
    entries,
    add(entry) {
      entry.path = redactPath(entry.path)
      entries.push(entry)
      if (entries.length > MAX_ENTRIES) entries.shift()
      return entry
    },
    findByRid: (rid) => entries.findLast((entry) => entry.rid === rid),
  }
}
