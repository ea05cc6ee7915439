import { readdirSync } from 'node:fs'
import { checkInvariants, type InvariantReport } from './invariants.js'
import { RecordObserver } from './observer.js'
import { startUpstream } from './upstream.js'
import { monotonic, pause, seededRandom, temporaryFolder, Worker, withWatchdog } from './workers.js'

/**
 * Eight processes share a key whose lifetime (0.6 s) is hardly longer than its fetch (0.15 to 0.5 s),
 * so that nearly always one of them holds the lock. SIGKILL, SIGSTOP and SIGCONT hit mostly that one.
 */
const WORKERS = 8
const KEY = 'TOKEN'
const LIFETIME_S = 0.6
/** No more processes are suspended at once, so that some are left to notice. */
const MAX_SUSPENDED = 5
const MAX_SHORT_STOP_MS = 800
/** What a process may lose by one signal to the holder: its fetch, and the start of another. */
const LOST_FETCH_MS = 750
/** After these numbers of signals comes a stop of the maximal length, which is rare by chance. */
const MAX_STOP_AT_SIGNAL_COUNTS = [10, 20, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600]

export interface SignalPlan {
  /** How many kills and stops to make. */
  injections: number
  /**
   * The option `timeout` of the dogs, in seconds. Longer stops overtake a short one. No stop explains
   * an error under a time-out of 10 s.
   */
  timeout: number
  seed: number
  maxStopMs: number
}

export interface SignalFigures extends InvariantReport {
  timeout: number
  seconds: number
  kills: number
  stops: number
  resumes: number
  /** Kills and stops of a process that held the lock and still had it after the signal. */
  onHolder: number
  takeovers: number
  records: number
  regressions: string[]
  torn: string[]
  leftovers: string[]
}

export async function runSignals(plan: SignalPlan): Promise<SignalFigures> {
  const { dir, remove } = temporaryFolder()
  const random = seededRandom(plan.seed)
  const upstream = await startUpstream()
  const endpoint = upstream.endpoint('signals')
  endpoint.delayMs = () => 150 + 350 * random()
  endpoint.expiresIn = LIFETIME_S
  const command = { dir, key: KEY, url: endpoint.url, timeout: plan.timeout }
  const all: Worker[] = []
  const active: Worker[] = []
  const started: Promise<void>[] = []
  const startWorker = (index: number) => {
    const worker = new Worker()
    all.push(worker)
    active[index] = worker
    const loop = { command: 'loop', ...command, maxPauseMs: 60 } as const
    started.push(worker.ready.then(() => worker.send(loop)).catch(() => {}))
  }
  const begun = monotonic()
  /** What a `get` may take. */
  const maxGetMs = 2000 * plan.timeout + 2000
  const counts = { kills: 0, stops: 0, resumes: 0, onHolder: 0 }
  const observer = new RecordObserver(dir, KEY)
  let lastLongStopAt = -1
  let longestStops = 0

  const resume = (worker: Worker) => {
    if (worker.isSuspended && worker.killedAt === Number.POSITIVE_INFINITY) worker.resume()
  }
  const kill = (worker: Worker) => {
    counts.kills++
    worker.kill()
    startWorker(active.indexOf(worker))
  }
  const suspend = (worker: Worker) => {
    counts.stops++
    worker.suspend()
    // Two long stops of holders in a row would rightly keep a `get` waiting for more than
    // `maxGetMs`. So the next one comes after a new record only.
    const isLong = random() < 0.4 && worker.pid === observer.holderPid() && lastLongStopAt !== observer.generation
    if (isLong) lastLongStopAt = observer.generation
    const suspension = worker.suspensions.at(-1)
    const stopMs = 100 * ((isLong ? plan.maxStopMs : MAX_SHORT_STOP_MS) / 100) ** random()
    // Does not end a later suspension of the same process.
    setTimeout(() => suspension === worker.suspensions.at(-1) && resume(worker), stopMs)
  }
  const inject = () => {
    const pid = observer.holderPid()
    const holder = active.find((worker) => worker.pid === pid)
    const suspended = active.filter((worker) => worker.isSuspended)
    const anyWorker = active[Math.floor(random() * WORKERS)]!
    const isHolder = holder !== undefined && random() < 0.95 && !(holder.isSuspended && random() < 0.7)
    const victim = isHolder ? holder : anyWorker
    if (victim === holder) victim.disruptions.push({ at: monotonic(), costMs: LOST_FETCH_MS })
    const countHolder = () => {
      if (observer.holderPid() === victim.pid) counts.onHolder++
    }
    if (victim.isSuspended) {
      if (random() < 0.5) {
        kill(victim)
        return countHolder()
      }
      counts.resumes++
      return resume(victim)
    }
    if (random() < 0.5 || suspended.length >= MAX_SUSPENDED) kill(victim)
    else suspend(victim)
    countHolder()
  }

  const waitForHolder = async () => {
    const until = monotonic() + 1500
    while (observer.holderPid() === undefined && monotonic() < until) await pause(1)
  }

  /**
   * Suspends a holder in mid-fetch until others may overtake it, and a little longer if `maxStopMs`
   * allows it. No other process gets a signal meanwhile.
   */
  const injectLongestStop = async () => {
    const request = await Promise.race([endpoint.nextRequest(), pause(2000)])
    const holder = active.find(({ pid }) => pid === request?.pid)
    if (holder === undefined || holder.isSuspended) return
    longestStops++
    counts.stops++
    holder.disruptions.push({ at: monotonic(), costMs: LOST_FETCH_MS })
    lastLongStopAt = observer.generation
    holder.suspend()
    if (observer.holderPid() === holder.pid) counts.onHolder++
    await pause(Math.min(1000 * plan.timeout + 2000 + 1000, plan.maxStopMs))
    resume(holder)
  }

  let isOver = false
  const run = async (): Promise<SignalFigures> => {
    for (let index = 0; index < WORKERS; index++) startWorker(index)
    await Promise.all(started)
    while (!isOver && counts.kills + counts.stops < plan.injections) {
      await pause(50 + 350 * random())
      // The signal comes at a random time of a hold, or in the first milliseconds of the next one.
      await waitForHolder()
      if (random() < 0.7) await pause(400 * random())
      await waitForHolder()
      if (counts.kills + counts.stops >= MAX_STOP_AT_SIGNAL_COUNTS[longestStops]!) await injectLongestStop()
      inject()
    }
    await Promise.all(started)
    for (const worker of active) resume(worker)
    // Later fetches clean up what killed processes left.
    const fetchesBefore = endpoint.requests.length
    const until = monotonic() + 2 * maxGetMs
    while (endpoint.requests.length < fetchesBefore + 4 && monotonic() < until) await pause(10)
    const exits = await Promise.all(active.map((worker) => worker.shutDown(maxGetMs + 10_000)))
    observer.check()
    const observations = { all, survivors: active, requests: endpoint.requests, exits, timeoutMs: plan.timeout * 1000 }
    return {
      timeout: plan.timeout,
      seconds: Math.round((monotonic() - begun) / 1000),
      ...counts,
      takeovers: all.flatMap(({ messages }) => messages).filter(({ type }) => type === 'takeover').length,
      records: observer.recordCount,
      regressions: observer.regressions,
      torn: observer.torn,
      leftovers: leftoversIn(dir),
      ...checkInvariants(observations),
    }
  }
  try {
    const limitMs = 2000 * plan.injections + 2 * maxGetMs + 60_000
    return await withWatchdog(limitMs, `a run of ${plan.injections} injections`, run())
  } finally {
    isOver = true
    observer.stop()
    for (const worker of all) worker.process.kill('SIGKILL')
    await Promise.all(all.map(({ exited }) => exited))
    await upstream.close()
    remove()
  }
}

/** Files that are neither a record nor a ledger. No process that could hold a lock is alive now. */
function leftoversIn(dir: string): string[] {
  const known = ['.gitignore', '.lock', '.state', `.state/${KEY}.json`, `${KEY}.dog`]
  return readdirSync(dir, { recursive: true })
    .map(String)
    .filter((name) => !known.includes(name))
}
