import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { startUpstream, tokenNumber, type UpstreamEndpoint } from './upstream.js'
import { monotonic, pause, seededRandom, temporaryFolder, Worker, type WorkerMessage } from './workers.js'

/** Many processes at one lock in the same instant. Its holder is dead, or only blocked. */
const KEY = 'TOKEN'

/** A start time far enough ahead that every worker gets the command before it. */
const nextStartAt = (): number => monotonic() + 60

export interface Rounds {
  rounds: number
  seconds: number
  /**
   * Rounds with a number of fetches other than one, with another value than that of the fetch, or
   * with something left in `.lock`.
   */
  violations: string[]
}

/** Milliseconds between the first and the last of sixteen `get`s: median and worst of some rounds. */
export interface Spread {
  rounds: number
  median: number
  worst: number
}

export interface DeadHolders extends Rounds {
  simultaneous: Spread
  staggered: Spread
  /** Rounds in which some processes came before the first result existed, and some after. */
  straddlingRounds: number
}

/** In every fourth round all sixteen processes start together, and all wait for one fetch. */
const SIMULTANEOUS_EVERY = 4
/** When the upstream answers, after the start of a round. It is fixed, so that its time is known. */
const ANSWER_AFTER_MS = 30
/**
 * In the other rounds one process starts first. Fifteen follow within `SPREAD_MS`, beginning one of
 * `OFFSETS_MS` after the upstream's answer, which is about when the commit happens. A process that
 * saw no record, and takes the lock just after it was released, must read again. In a simultaneous
 * round no process does.
 */
const SPREAD_MS = 15
const OFFSETS_MS = [1, 3, 5]

/** How many rounds share one process that is killed. */
const ROUNDS_PER_VICTIM = 10

/**
 * A process takes the lock in each of many folders, and is killed in mid-fetch. Then, in one folder
 * after the other, sixteen processes call `get` in the same millisecond, or around the commit.
 */
export async function runDeadHolders(rounds: number): Promise<DeadHolders> {
  const { dir, remove } = temporaryFolder()
  const upstream = await startUpstream()
  const workers = Array.from({ length: 16 }, () => new Worker())
  const begun = monotonic()
  const violations: string[] = []
  const random = seededRandom(1)
  const spreads = { simultaneous: [] as number[], staggered: [] as number[] }
  let straddlingRounds = 0
  try {
    await Promise.all(workers.map(({ ready }) => ready))
    for (let done = 0; done < rounds; done += ROUNDS_PER_VICTIM) {
      const folders = Array.from({ length: Math.min(ROUNDS_PER_VICTIM, rounds - done) }, (_, index) => {
        const name = `round-${done + index}`
        const endpoint = upstream.endpoint(name)
        endpoint.delayMs = () => 60_000
        return { endpoint, command: { dir: join(dir, name), key: KEY, url: endpoint.url, timeout: 30 } }
      })
      const victim = new Worker()
      await victim.ready
      const requested = folders.map(({ endpoint }) => endpoint.nextRequest())
      for (const { command } of folders) victim.get(command)
      await Promise.all(requested)
      victim.kill()
      await victim.exited
      for (const [index, { endpoint, command }] of folders.entries()) {
        const round = done + index
        const roundStart = nextStartAt()
        const first = workers[round % workers.length]
        const isSimultaneous = round % SIMULTANEOUS_EVERY === 0
        const offsetMs = ANSWER_AFTER_MS + OFFSETS_MS[round % OFFSETS_MS.length]!
        const startOf = (worker: Worker) =>
          isSimultaneous || worker === first ? roundStart : roundStart + offsetMs + SPREAD_MS * random()
        endpoint.delayMs = () => Math.max(0, roundStart + ANSWER_AFTER_MS - monotonic())
        const gets = await Promise.all(workers.map((worker) => worker.get({ ...command, startAt: startOf(worker) })))
        const starts = gets.filter((_, at) => isSimultaneous || workers[at] !== first).map(({ from }) => from)
        const firstResult = Math.min(...gets.map(({ to }) => to))
        spreads[isSimultaneous ? 'simultaneous' : 'staggered'].push(Math.max(...starts) - Math.min(...starts))
        if (starts.some((from) => from < firstResult) && starts.some((from) => from > firstResult)) straddlingRounds++
        violations.push(...checkRound(endpoint, gets, 2), ...leftoversIn(command.dir))
      }
    }
    await Promise.all(workers.map((worker) => worker.shutDown()))
    const seconds = Math.round((monotonic() - begun) / 1000)
    const [simultaneous, staggered] = [spreadOf(spreads.simultaneous), spreadOf(spreads.staggered)]
    return { rounds, seconds, violations, simultaneous, staggered, straddlingRounds }
  } finally {
    for (const worker of workers) worker.process.kill('SIGKILL')
    await upstream.close()
    remove()
  }
}

function spreadOf(samples: number[]): Spread {
  const sorted = samples.map(Math.round).sort((a, b) => a - b)
  return { rounds: samples.length, median: sorted[Math.floor(sorted.length / 2)] ?? 0, worst: sorted.at(-1) ?? 0 }
}

/** The violations of a round in which `tokens` tokens are made, and every `get` returns the last one. */
function checkRound(endpoint: UpstreamEndpoint, gets: WorkerMessage[], tokens: number): string[] {
  const { url, requests } = endpoint
  const violations: string[] = []
  if (requests.length !== tokens) violations.push(`${url}: ${requests.length} fetches, not ${tokens}`)
  for (const { value, code, message } of gets) {
    if (tokenNumber(value) !== tokens) violations.push(`${url}: ${value ?? `${code} ${message}`}, not token ${tokens}`)
  }
  return violations
}

function leftoversIn(dir: string): string[] {
  const names = readdirSync(join(dir, '.lock'))
  return names.length === 0 ? [] : [`${dir}: ${names} is left in .lock`]
}

/** How many rounds with a blocked holder run at once. */
const ROUNDS_AT_ONCE = 20

/**
 * A holder whose event loop is blocked misses every heartbeat. Heartbeats are sent every 2 s, and a
 * holder in another namespace is dead after 10 s of silence. This one is alive, so that within its
 * time-out no process fetches beside it. With a shorter time-out it is overtaken, but never before
 * its time-out and 2 s.
 */
export async function runBlockedHolders(rounds: number): Promise<Rounds & { soonestMs: number }> {
  const { dir, remove } = temporaryFolder()
  const upstream = await startUpstream()
  const workers = Array.from({ length: 4 }, () => new Worker())
  const begun = monotonic()
  const violations: string[] = []
  let soonestMs = Number.POSITIVE_INFINITY

  const runRound = async (name: string, timeout: number, blockMs: number) => {
    const endpoint = upstream.endpoint(name)
    endpoint.delayMs = () => 300
    const command = { dir: join(dir, name), key: KEY, url: endpoint.url, timeout }
    const holder = new Worker()
    try {
      await holder.ready
      const requested = endpoint.nextRequest()
      const holdersGet = holder.get({ ...command, blockMs })
      await Promise.race([requested, holdersGet])
      const gets = await Promise.all(workers.map((worker) => worker.get(command)))
      const holders = await holdersGet
      const [first, second] = endpoint.requests
      if (blockMs < timeout * 1000) return checkRound(endpoint, [...gets, holders], 1)
      if (first === undefined || second === undefined) return [`${name}: ${endpoint.requests.length} fetches, not 2`]
      soonestMs = Math.min(soonestMs, second.calledAt - first.lockedAt - timeout * 1000)
      if (second.calledAt < first.lockedAt + timeout * 1000 + 2000) violations.push(`${name}: overtaken too early`)
      // The holder's own `get` is not checked: it missed its time-out, and may fail for that.
      return checkRound(endpoint, gets, 2)
    } finally {
      await holder.shutDown()
    }
  }
  try {
    await Promise.all(workers.map(({ ready }) => ready))
    for (let done = 0; done < rounds; done += ROUNDS_AT_ONCE) {
      const batch = Array.from({ length: Math.min(ROUNDS_AT_ONCE, rounds - done) }, (_, index) => done + index)
      // Every second holder is blocked for longer than its time-out.
      const results = await Promise.all(
        batch.map((number) => runRound(`blocked-${number}`, number % 2 === 0 ? 30 : 2, number % 2 === 0 ? 11_500 : 5000)),
      )
      violations.push(...results.flat(), ...batch.flatMap((number) => leftoversIn(join(dir, `blocked-${number}`))))
    }
    await Promise.all(workers.map((worker) => worker.shutDown()))
    const seconds = Math.round((monotonic() - begun) / 1000)
    return { rounds, seconds, violations, soonestMs: Math.round(soonestMs) }
  } finally {
    for (const worker of workers) worker.process.kill('SIGKILL')
    await pause(0)
    await upstream.close()
    remove()
  }
}
