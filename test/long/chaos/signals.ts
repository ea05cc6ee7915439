import { readdirSync } from 'node:fs'
import { judge, type Verdict } from './invariants.js'
import { Watch } from './observer.js'
import { startUpstream } from './upstream.js'
import { monotonic, pause, randomly, temporary, Worker, within } from './workers.js'

/**
 * Signals: eight processes share a key whose lifetime (0.6 s) is hardly longer than its fetch (0.15 to 0.5 s), so that there
 * is nearly always a holder, and SIGKILL, SIGSTOP and SIGCONT land mostly on it.
 */
const WORKERS = 8
const KEY = 'TOKEN'
const LIFETIME = 0.6
/** More than so many do not stand still at once: somebody must be there to be let down. */
const MOST_STOPPED = 5
/** Milliseconds of the longest of the short stops. */
const SHORT = 800
/** After so many injections comes one that lasts as long as may be: hardly any do by chance. */
const OUTSTAYED = [10, 20, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600]

export interface Plan {
  injections: number
  /** Seconds. A short one is overtaken by the longer stops; under one of 10 s no stop explains anything. */
  timeout: number
  seed: number
  /** Milliseconds of the longest stop. */
  longest: number
}

export interface Figures extends Verdict {
  timeout: number
  seconds: number
  kills: number
  stops: number
  goes: number
  /** Kills and stops of a process that held the lock, and still had it after the signal. */
  onHolder: number
  takeovers: number
  records: number
  older: string[]
  torn: string[]
  left: string[]
}

export async function signals(plan: Plan): Promise<Figures> {
  const { dir, remove } = temporary()
  const random = randomly(plan.seed)
  const upstream = await startUpstream()
  const desk = upstream.desk('signals')
  desk.delay = () => 150 + 350 * random()
  desk.expiresIn = LIFETIME
  const task = { dir, key: KEY, url: desk.url, timeout: plan.timeout }
  const all: Worker[] = []
  const crew: Worker[] = []
  const started: Promise<void>[] = []
  const hire = (place: number) => {
    const worker = new Worker()
    all.push(worker)
    crew[place] = worker
    started.push(worker.ready.then(() => worker.tell({ do: 'loop', ...task, rest: 60 })).catch(() => {}))
  }
  const begun = monotonic()
  /** Milliseconds that a `get` may take. */
  const bound = 2000 * plan.timeout + 2000
  const counts = { kills: 0, stops: 0, goes: 0, onHolder: 0 }
  const watch = new Watch(dir, KEY)
  let lastLong = -1
  let outstayed = 0

  const go = (worker: Worker) => {
    if (worker.isStopped && worker.killedAt === Number.POSITIVE_INFINITY) worker.go()
  }
  const kill = (worker: Worker) => {
    counts.kills++
    worker.kill()
    hire(crew.indexOf(worker))
  }
  const stop = (worker: Worker) => {
    counts.stops++
    worker.stop()
    // Two long ones in a row would keep a `get` waiting beyond its bound by rights; so one, until there is a new record.
    const isLong = random() < 0.4 && worker.pid === watch.holder() && lastLong !== watch.generation
    if (isLong) lastLong = watch.generation
    const own = worker.stops.at(-1)
    // Not one that it was stopped for since.
    setTimeout(() => own === worker.stops.at(-1) && go(worker), 100 * ((isLong ? plan.longest : SHORT) / 100) ** random())
  }
  const inject = () => {
    const pid = watch.holder()
    const holder = crew.find((worker) => worker.pid === pid)
    const stopped = crew.filter((worker) => worker.isStopped)
    const anybody = crew[Math.floor(random() * WORKERS)]!
    const victim = holder !== undefined && random() < 0.95 && !(holder.isStopped && random() < 0.7) ? holder : anybody
    if (victim === holder) {
      // A fetch is lost with it, and another has to be begun.
      victim.hits.push({ at: monotonic(), cost: 750 })
    }
    const hit = () => {
      if (watch.holder() === victim.pid) counts.onHolder++
    }
    if (victim.isStopped) {
      if (random() < 0.5) {
        kill(victim)
        return hit()
      }
      counts.goes++
      return go(victim)
    }
    if (random() < 0.5 || stopped.length >= MOST_STOPPED) kill(victim)
    else stop(victim)
    hit()
  }

  const held = async () => {
    const patience = monotonic() + 1500
    while (watch.holder() === undefined && monotonic() < patience) await pause(1)
  }

  /** A holder stands still in mid-fetch, until others may rob it and a little more if it can be so long. Nobody else is hit. */
  const outstay = async () => {
    const asked = await Promise.race([desk.next(), pause(2000)])
    const holder = crew.find(({ pid }) => pid === asked?.pid)
    if (holder === undefined || holder.isStopped) return
    outstayed++
    counts.stops++
    holder.hits.push({ at: monotonic(), cost: 750 })
    lastLong = watch.generation
    holder.stop()
    if (watch.holder() === holder.pid) counts.onHolder++
    await pause(Math.min(1000 * plan.timeout + 2000 + 1000, plan.longest))
    go(holder)
  }

  let over = false
  const run = async (): Promise<Figures> => {
    for (let place = 0; place < WORKERS; place++) hire(place)
    await Promise.all(started)
    while (!over && counts.kills + counts.stops < plan.injections) {
      await pause(50 + 350 * random())
      // Mostly somewhere in a hold, from its first millisecond on, or in the very first of the next.
      await held()
      if (random() < 0.7) await pause(400 * random())
      await held()
      if (counts.kills + counts.stops >= OUTSTAYED[outstayed]!) await outstay()
      inject()
    }
    await Promise.all(started)
    for (const worker of crew) go(worker)
    // What the dead left is cleared by those who fetch after them.
    const last = desk.asked.length
    const end = monotonic() + 2 * bound
    while (desk.asked.length < last + 4 && monotonic() < end) await pause(10)
    const exits = await Promise.all(crew.map((worker) => worker.end(bound + 10_000)))
    watch.look()
    const verdict = judge({ all, crew, asked: desk.asked, exits, timeout: plan.timeout * 1000 })
    const takeovers = all.flatMap(({ told }) => told).filter(({ tells }) => tells === 'takeover').length
    return {
      ...{ timeout: plan.timeout, seconds: Math.round((monotonic() - begun) / 1000), ...counts, takeovers },
      ...{ records: watch.seen, older: watch.older, torn: watch.torn, left: leftovers(dir) },
      ...verdict,
    }
  }
  try {
    const most = 2000 * plan.injections + 2 * bound + 60_000
    return await within(most, `a run of ${plan.injections} injections`, run())
  } finally {
    over = true
    watch.end()
    for (const worker of all) worker.process.kill('SIGKILL')
    await Promise.all(all.map(({ exited }) => exited))
    await upstream.close()
    remove()
  }
}

/** Everything in the folder that is neither a record nor a ledger. Nobody who could hold something is alive any more. */
function leftovers(dir: string): string[] {
  const known = ['.gitignore', '.lock', '.state', `.state/${KEY}.json`, `${KEY}.dog`]
  return readdirSync(dir, { recursive: true })
    .map(String)
    .filter((name) => !known.includes(name))
}
