import type { UpstreamRequest } from './upstream.js'
import type { Worker, WorkerExit, WorkerMessage } from './workers.js'

/** Compares what was observed of processes under signals with what is promised. */

/** How late a timer of a process may be, in addition to the time in which it got no CPU time. */
const TIMER_SLACK_MS = 100
/**
 * How long a recorded failure may explain errors. It applies to every process for its back-off: 1 s,
 * doubling. Two failures in a row are rare, and five in a row are not explained.
 */
const MAX_BACKOFF_MS = 10_000
/** What a `get` may take beyond its two time-outs, and a holder beyond its one. */
const OVERTAKE_MARGIN_MS = 2000

export interface Observations {
  /** Every worker that ran, also those that were killed. */
  all: Worker[]
  /** The workers that were alive at the end. */
  survivors: Worker[]
  /** How the survivors exited, in the same order. */
  exits: WorkerExit[]
  requests: UpstreamRequest[]
  timeoutMs: number
}

export interface InvariantReport {
  fetches: number
  gets: number
  /** Promised: none. Overlapping requests of two living processes within their time-outs. */
  overlaps: string[]
  /** Allowed: an overlap in which the earlier process was overtaken, being past its time-out. */
  overtakenHolders: number
  /** Allowed: an overlap in which the earlier process was dead, which the upstream had not seen. */
  deadHolders: number
  /**
   * Promised: none. `get`s that took longer than 2 × time-out + 2 s, not counting the time in which
   * their process was suspended or stalled. A `get` that its process did not survive counts as well.
   */
  lateGets: string[]
  /** `get`s that were running when their process was killed. */
  killedGets: number
  /** The longest `get`, counted in the same way. */
  longestGetMs: number
  /** Promised: none. */
  errors: string[]
  /** Allowed, by code: errors of a suspended process, or because one missed its time-out. */
  explainedErrors: Record<string, number>
  warnings: Record<string, number>
}

type GetSpan = Pick<WorkerMessage, 'from' | 'to' | 'stalledMs'>

export function checkInvariants({ all, survivors, exits, requests, timeoutMs }: Observations): InvariantReport {
  const workers = new Map(all.map((worker) => [worker.pid, worker]))
  const gets = all.flatMap((worker) =>
    worker.messages.filter(({ type }) => type === 'get-ended').map((get) => ({ worker, get })),
  )
  const errors: string[] = []
  const lateGets: string[] = []
  const explainedErrors: Record<string, number> = {}
  const warnings: Record<string, number> = {}
  let longestGetMs = 0

  const missedAt = missedTimeouts(all, errors)
  const measure = (worker: Worker, { from, to, stalledMs }: GetSpan, outcome: string): number => {
    // A stall that the worker measured includes its suspension, of which only the parent may know.
    const ms = to - from - Math.max(stalledMs, worker.suspendedMs(from, to))
    longestGetMs = Math.max(longestGetMs, ms)
    if (ms > 2 * timeoutMs + OVERTAKE_MARGIN_MS + TIMER_SLACK_MS) {
      lateGets.push(`${Math.round(ms)} ms, pid ${worker.pid}: ${outcome}`)
    }
    return ms
  }
  let killedGets = 0
  for (const worker of all) {
    const get = killedGet(worker)
    if (get === undefined) continue
    killedGets++
    measure(worker, get, 'running when its process was killed')
  }
  for (const { worker, get } of gets) {
    const wasSuspended = worker.wasSuspended(get.from, get.to)
    const ms = measure(worker, get, `${get.code ?? get.value}`)
    if (get.code === undefined) continue
    if (isExplained(get, wasSuspended, missedAt, all, timeoutMs)) {
      explainedErrors[get.code] = (explainedErrors[get.code] ?? 0) + 1
    } else {
      const details = `pid ${worker.pid}, ${Math.round(ms)} ms${wasSuspended ? ', was suspended' : ''}`
      errors.push(`${get.code}: ${get.message} (${details})`)
    }
  }
  for (const { type, code, message } of all.flatMap(({ messages }) => messages)) {
    if (type !== 'warning') continue
    const text = `${code}: ${message?.replace(/\d+/g, '#')}`
    warnings[text] = (warnings[text] ?? 0) + 1
  }
  for (const [index, { code, signal, err }] of exits.entries()) {
    if (code !== 0 || err !== '') errors.push(`pid ${survivors[index]!.pid} ended with ${code} ${signal}: ${err}`)
  }
  return {
    fetches: requests.length,
    gets: gets.length,
    ...classifyOverlaps(requests, workers),
    lateGets,
    killedGets,
    longestGetMs: Math.round(longestGetMs),
    errors,
    explainedErrors,
    warnings,
  }
}

/** The `get` that was running when the worker was killed, up to that moment. */
function killedGet({ killedAt, pendingGetSince, messages }: Worker): GetSpan | undefined {
  if (killedAt === Number.POSITIVE_INFINITY || pendingGetSince === undefined) return undefined
  const stalls = messages.filter(({ type, to }) => type === 'stalled' && to > pendingGetSince)
  const stalledMs = stalls.reduce((sum, stall) => sum + stall.stalledMs, 0)
  return { from: pendingGetSince, to: killedAt, stalledMs }
}

/** Finds the requests that came while another one was running, and the reason for each. */
function classifyOverlaps(requests: UpstreamRequest[], workers: Map<number, Worker>) {
  const overlaps: string[] = []
  let [overtakenHolders, deadHolders] = [0, 0]
  const inOrder = [...requests].sort((a, b) => a.calledAt - b.calledAt)
  const endOf = ({ pid, calledAt, endedAt }: UpstreamRequest): number => {
    // For the upstream a request ends when it is answered. For a suspended process it does not end
    // before the process is resumed or killed.
    const { messages, killedAt } = workers.get(pid)!
    const ended = messages.find((message) => message.type === 'fetch-ended' && message.calledAt === calledAt)
    return ended?.endedAt ?? (killedAt < Number.POSITIVE_INFINITY ? Math.max(endedAt, killedAt) : endedAt)
  }
  const ends = new Map(inOrder.map((request) => [request, endOf(request)]))
  for (const [index, later] of inOrder.entries()) {
    for (const earlier of inOrder.slice(Math.max(0, index - 20), index)) {
      if (ends.get(earlier)! <= later.calledAt) continue
      if (workers.get(earlier.pid)!.killedAt <= later.calledAt) deadHolders++
      // Times of the lock as its holder wrote them down, not as this test measured them.
      else if (earlier.lockedAt + earlier.timeoutMs <= later.calledAt) overtakenHolders++
      else if (later.lockedAt + later.timeoutMs <= later.calledAt) overtakenHolders++
      else overlaps.push(`${JSON.stringify(earlier)} and ${JSON.stringify(later)}`)
    }
  }
  return { overlaps, overtakenHolders, deadHolders }
}

/**
 * When suspended processes missed their time-out, which is a failed fetch for every process. A
 * process that was not suspended must not miss it.
 */
function missedTimeouts(all: Worker[], errors: string[]): number[] {
  const missedAt: number[] = []
  for (const worker of all) {
    for (const { type, ok, lockedAt, endedAt } of worker.messages) {
      if (type !== 'fetch-ended' || ok) continue
      if (worker.wasSuspended(lockedAt, endedAt)) missedAt.push(endedAt)
      else errors.push(`a fetch of pid ${worker.pid} failed, which was not suspended`)
    }
  }
  return missedAt
}

function isExplained(get: WorkerMessage, wasSuspended: boolean, missedAt: number[], all: Worker[], timeoutMs: number): boolean {
  if (get.code === 'ERR_DOG_FETCH_TIMEOUT') return missedAt.some((at) => at <= get.to + 50 && at > get.from - MAX_BACKOFF_MS)
  if (get.code !== 'ERR_DOG_WAIT_TIMEOUT') return false
  // One suspended holder costs its time-out and 2 s, which is less than a `get` may take. A second
  // one, or kills, cost more.
  let costMs = get.stalledMs
  for (const { suspensions, disruptions } of all) {
    for (const hit of disruptions) if (hit.at > get.from - 1000 && hit.at < get.to) costMs += hit.costMs
    for (const { from, to } of suspensions) {
      const until = Math.min(to, get.to, from + timeoutMs + OVERTAKE_MARGIN_MS)
      costMs += Math.max(0, until - Math.max(from, get.from))
    }
  }
  return wasSuspended || costMs > timeoutMs + OVERTAKE_MARGIN_MS + 1000
}
