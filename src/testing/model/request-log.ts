// What was asked of the platform, for a test to look at and for openapi/rid/get. Holds no query, no body, no secret, no token
// and no ticket.
import type { Fault } from './faults.js'

/** A request that was answered or failed on order. */
export interface LogEntry {
  /** Epoch milliseconds of the platform's clock. */
  at: number
  method: string
  path: string
  /** 0: the connection was cut. */
  status: number
  /** 0 is success; `undefined` where no JSON was sent. */
  errcode: number | undefined
  rid: string | undefined
  fault: Fault | undefined
  /** The account, where the request got far enough to show it. */
  appId: string | undefined
  ip: string
}

/** Older entries are dropped: a fake may run for weeks. */
const MOST = 10_000

export interface Log {
  readonly entries: LogEntry[]
  add(entry: LogEntry): LogEntry
  find(rid: string): LogEntry | undefined
}

/** Somebody may put a secret into a path. Secrets have 32 characters, tickets 86, tokens more. */
const cleanPath = (path: string): string => path.replace(/[\w-]{32,}/g, '***').slice(0, 200)

export function createLog(): Log {
  const entries: LogEntry[] = []
  return {
    entries,
    add(entry) {
      entry.path = cleanPath(entry.path)
      entries.push(entry)
      if (entries.length > MOST) entries.shift()
      return entry
    },
    find: (rid) => entries.findLast((entry) => entry.rid === rid),
  }
}
