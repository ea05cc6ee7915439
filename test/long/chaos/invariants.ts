import type { Asked } from './upstream.js'
import type { Told, Worker } from './workers.js'

/** What was seen of processes under signals, against what was promised. */

/** Milliseconds that a timer of a process may be late, beside the time in which it got no turn. */
const BUSY = 100
/** A failure is everybody's for its back-off: 1 s, doubling; two in a row are rare, five in a row are not explained. */
const BACKOFF = 10_000

export interface Seen {
  all: Worker[]
  /** Those that lived at the end, and how they ended. */
  crew: Worker[]
  exits: { code: number | null; signal: NodeJS.Signals | null; err: string }[]
  asked: Asked[]
  /** Milliseconds. */
  timeout: number
}

export interface Verdict {
  fetches: number
  gets: number
  /** Promised: none. Two living processes, within their time-outs, with the upstream at once. */
  overlaps: string[]
  /** Allowed. The earlier one was overtaken: it had stood still beyond its time-out. */
  overtaken: number
  /** Allowed. The earlier one was dead: its upstream had not seen that yet. */
  ghosts: number
  /**
   * Promised: none. `get`s that took longer than 2 × time-out + 2 s, without the time in which their process stood still; also
   * those that had not ended when it was killed.
   */
  late: string[]
  /** `get`s that were under way when their process was killed. */
  cut: number
  /** Milliseconds of the longest `get`, as above. */
  longest: number
  /** Promised: none. */
  errors: string[]
  /** Allowed, by code: of a process that stood still, or because one that did missed its time-out. */
  explained: Record<string, number>
  warnings: Record<string, number>
}

export function judge({ all, crew, exits, asked, timeout }: Seen): Verdict {
  const workers = new Map(all.map((worker) => [worker.pid, worker]))
  const gets = all.flatMap((worker) => worker.told.filter(({ tells }) => tells === 'get').map((get) => ({ worker, get })))
  const errors: string[] = []
  const late: string[] = []
  const explained: Record<string, number> = {}
  const warnings: Record<string, number> = {}
  let longest = 0

  const missed = missedTimeouts(all, errors)
  const time = (worker: Worker, { from, to, stalled }: Pick<Told, 'from' | 'to' | 'stalled'>, end: string): number => {
    // What it was late by includes what it stood still; of a part of that only we know.
    const ms = to - from - Math.max(stalled, worker.stoodFor(from, to))
    longest = Math.max(longest, ms)
    if (ms > 2 * timeout + 2000 + BUSY) late.push(`${Math.round(ms)} ms, pid ${worker.pid}: ${end}`)
    return ms
  }
  let cut = 0
  for (const worker of all) {
    const get = cutShort(worker)
    if (get === undefined) continue
    cut++
    time(worker, get, 'under way when it was killed')
  }
  for (const { worker, get } of gets) {
    const stood = worker.stood(get.from, get.to)
    const ms = time(worker, get, `${get.code ?? get.value}`)
    if (get.code === undefined) continue
    if (isExplained(get, stood, missed, all, timeout)) explained[get.code] = (explained[get.code] ?? 0) + 1
    else errors.push(`${get.code}: ${get.message} (pid ${worker.pid}, ${Math.round(ms)} ms${stood ? ', stood still' : ''})`)
  }
  for (const { tells, code, message } of all.flatMap(({ told }) => told)) {
    if (tells !== 'warning') continue
    const text = `${code}: ${message?.replace(/\d+/g, '#')}`
    warnings[text] = (warnings[text] ?? 0) + 1
  }
  for (const [index, { code, signal, err }] of exits.entries()) {
    if (code !== 0 || err !== '') errors.push(`pid ${crew[index]!.pid} ended with ${code} ${signal}: ${err}`)
  }
  return {
    ...{ fetches: asked.length, gets: gets.length, ...overlapping(asked, workers) },
    ...{ late, cut, longest: Math.round(longest), errors, explained, warnings },
  }
}

/** The `get` that a kill put an end to, up to it. */
function cutShort({ killedAt, underWay, told }: Worker): Pick<Told, 'from' | 'to' | 'stalled'> | undefined {
  if (killedAt === Number.POSITIVE_INFINITY || underWay === undefined) return undefined
  const stalls = told.filter(({ tells, to }) => tells === 'stalled' && to > underWay)
  return { from: underWay, to: killedAt, stalled: stalls.reduce((sum, { stalled }) => sum + stalled, 0) }
}

/** A request that came while another was under way, by the reason. */
function overlapping(asked: Asked[], workers: Map<number, Worker>) {
  const overlaps: string[] = []
  let [overtaken, ghosts] = [0, 0]
  const inOrder = [...asked].sort((a, b) => a.call - b.call)
  const endOf = ({ pid, call, ended }: Asked): number => {
    // To the upstream it is over when it has answered; to a process that stands still it is not, until it goes on or is killed.
    const { told, killedAt } = workers.get(pid)!
    const seen = told.find(({ tells, call: own }) => tells === 'fetch' && own === call)
    return seen?.end ?? (killedAt < Number.POSITIVE_INFINITY ? Math.max(ended, killedAt) : ended)
  }
  const ends = new Map(inOrder.map((one) => [one, endOf(one)]))
  for (const [index, later] of inOrder.entries()) {
    for (const earlier of inOrder.slice(Math.max(0, index - 20), index)) {
      if (ends.get(earlier)! <= later.call) continue
      if (workers.get(earlier.pid)!.killedAt <= later.call) ghosts++
      // By the lock's own words, not by ours: what the holder wrote when it took it.
      else if (earlier.since + earlier.timeout <= later.call) overtaken++
      else if (later.since + later.timeout <= later.call) overtaken++
      else overlaps.push(`${JSON.stringify(earlier)} and ${JSON.stringify(later)}`)
    }
  }
  return { overlaps, overtaken, ghosts }
}

/** When processes that stood still missed their time-out: a failure of the fetch, for everybody. Others must not miss it. */
function missedTimeouts(all: Worker[], errors: string[]): number[] {
  const missed: number[] = []
  for (const worker of all) {
    for (const { tells, ok, since, end } of worker.told) {
      if (tells !== 'fetch' || ok) continue
      if (worker.stood(since, end)) missed.push(end)
      else errors.push(`a fetch of pid ${worker.pid} failed, which did not stand still`)
    }
  }
  return missed
}

function isExplained(get: Told, stood: boolean, missed: number[], all: Worker[], timeout: number): boolean {
  if (get.code === 'ERR_DOG_FETCH_TIMEOUT') return missed.some((at) => at <= get.to + 50 && at > get.from - BACKOFF)
  if (get.code !== 'ERR_DOG_WAIT_TIMEOUT') return false
  // One holder that stands still costs its time-out and 2 s, less than a `get` may take; a second one, or kills, cost more.
  let cost = get.stalled
  for (const { stops, hits } of all) {
    for (const hit of hits) if (hit.at > get.from - 1000 && hit.at < get.to) cost += hit.cost
    for (const { from, to } of stops) {
      cost += Math.max(0, Math.min(to, get.to, from + timeout + 2000) - Math.max(from, get.from))
    }
  }
  return stood || cost > timeout + 2000 + 1000
}
