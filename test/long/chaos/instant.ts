import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Desk, startUpstream, tokenNumber } from './upstream.js'
import { monotonic, pause, randomly, type Told, temporary, Worker } from './workers.js'

/** The same instant: many processes at one lock, whose holder is dead, or only looks so. */
const KEY = 'TOKEN'

/** A time that all of a crew can be told of before it has come. */
const soon = (): number => monotonic() + 60

export interface Rounds {
  rounds: number
  seconds: number
  /** Rounds with another number of fetches than one, or with another value than its, or with something left in `.lock`. */
  wrong: string[]
}

/** How far apart sixteen processes came, in milliseconds: the median of the rounds of a kind, and the worst. */
export interface Spread {
  rounds: number
  median: number
  worst: number
}

export interface DeadHolders extends Rounds {
  together: Spread
  around: Spread
  /** Rounds in which some came before the first answer was there, and some after. */
  crossed: number
}

/** Every so many rounds all sixteen come together, and all wait for one fetch. */
const TOGETHER = 4
/** Milliseconds after which the upstream answers, so that it is known when. */
const ANSWERED = 30
/**
 * In the other rounds one comes first, and fifteen within so many milliseconds, from so many after the upstream's answer on:
 * that is how long it takes to be a record. Who has read that there is none, and takes the lock when it has just been let
 * go, must read again. In the first kind of round nobody ever does.
 */
const WITHIN = 15
const AFTER = [1, 3, 5]

/**
 * A process takes the lock in each of many folders, and is killed in mid-fetch. Then sixteen others want the value in the
 * same millisecond, or around that of the commit, one folder after the other.
 */
export async function deadHolders(rounds: number): Promise<DeadHolders> {
  const { dir, remove } = temporary()
  const upstream = await startUpstream()
  const crew = Array.from({ length: 16 }, () => new Worker())
  const begun = monotonic()
  const wrong: string[] = []
  const random = randomly(1)
  const spreads = { together: [] as number[], around: [] as number[] }
  let crossed = 0
  try {
    await Promise.all(crew.map(({ ready }) => ready))
    for (let done = 0; done < rounds; done += 10) {
      const places = await Promise.all(
        Array.from({ length: Math.min(10, rounds - done) }, async (_, index) => {
          const name = `round-${done + index}`
          const desk = upstream.desk(name)
          desk.delay = () => 60_000
          return { desk, task: { dir: join(dir, name), key: KEY, url: desk.url, timeout: 30 } }
        }),
      )
      const doomed = new Worker()
      await doomed.ready
      const asked = places.map(({ desk }) => desk.next())
      for (const { task } of places) doomed.get(task)
      await Promise.all(asked)
      doomed.kill()
      await doomed.exited
      for (const [index, { desk, task }] of places.entries()) {
        const round = done + index
        const at = soon()
        const first = crew[round % crew.length]
        const isTogether = round % TOGETHER === 0
        const others = () => at + ANSWERED + AFTER[round % AFTER.length]! + WITHIN * random()
        desk.delay = () => Math.max(0, at + ANSWERED - monotonic())
        const answers = await Promise.all(
          crew.map((worker) => worker.get({ ...task, at: isTogether || worker === first ? at : others() })),
        )
        const came = answers.filter((_, place) => isTogether || crew[place] !== first).map(({ from }) => from)
        const ready = Math.min(...answers.map(({ to }) => to))
        spreads[isTogether ? 'together' : 'around'].push(Math.max(...came) - Math.min(...came))
        if (came.some((from) => from < ready) && came.some((from) => from > ready)) crossed++
        wrong.push(...check(desk, answers, 2), ...left(task.dir))
      }
    }
    await Promise.all(crew.map((worker) => worker.end()))
    const seconds = Math.round((monotonic() - begun) / 1000)
    return { rounds, seconds, wrong, together: spread(spreads.together), around: spread(spreads.around), crossed }
  } finally {
    for (const worker of crew) worker.process.kill('SIGKILL')
    await upstream.close()
    remove()
  }
}

function spread(all: number[]): Spread {
  const sorted = all.map(Math.round).sort((a, b) => a - b)
  return { rounds: all.length, median: sorted[Math.floor(sorted.length / 2)] ?? 0, worst: sorted.at(-1) ?? 0 }
}

/** What is wrong with a round, in which the last of so many tokens is everybody's. */
function check(desk: Desk, answers: Told[], tokens: number): string[] {
  const wrong: string[] = []
  if (desk.asked.length !== tokens) wrong.push(`${desk.url}: ${desk.asked.length} fetches, not ${tokens}`)
  for (const { value, code, message } of answers) {
    if (tokenNumber(value) !== tokens) wrong.push(`${desk.url}: ${value ?? `${code} ${message}`}, not token ${tokens}`)
  }
  return wrong
}

function left(dir: string): string[] {
  const names = readdirSync(join(dir, '.lock'))
  return names.length === 0 ? [] : [`${dir}: ${names} is left in .lock`]
}

/**
 * A holder whose event loop is blocked past every heartbeat (one in 2 s, and 10 s of silence are death elsewhere) is alive:
 * within its time-out nobody fetches beside it. With a shorter time-out it is overtaken, but never before time-out + 2 s.
 */
export async function blockedHolders(rounds: number): Promise<Rounds & { soonest: number }> {
  const { dir, remove } = temporary()
  const upstream = await startUpstream()
  const crew = Array.from({ length: 4 }, () => new Worker())
  const begun = monotonic()
  const wrong: string[] = []
  let soonest = Number.POSITIVE_INFINITY

  const round = async (name: string, timeout: number, block: number) => {
    const desk = upstream.desk(name)
    desk.delay = () => 300
    const task = { dir: join(dir, name), key: KEY, url: desk.url, timeout }
    const holder = new Worker()
    try {
      await holder.ready
      const asked = desk.next()
      const own = holder.get({ ...task, block })
      await Promise.race([asked, own])
      const answers = await Promise.all(crew.map((worker) => worker.get(task)))
      const ownAnswer = await own
      const [first, second] = desk.asked
      if (block < timeout * 1000) return check(desk, [...answers, ownAnswer], 1)
      if (first === undefined || second === undefined) return [`${name}: ${desk.asked.length} fetches, not 2`]
      soonest = Math.min(soonest, second.call - first.since - timeout * 1000)
      if (second.call < first.since + timeout * 1000 + 2000) wrong.push(`${name}: robbed too soon`)
      // Not the blocked one's own answer: it overstepped its time-out, and may be told so.
      return check(desk, answers, 2)
    } finally {
      await holder.end()
    }
  }
  try {
    await Promise.all(crew.map(({ ready }) => ready))
    for (let done = 0; done < rounds; done += 20) {
      const batch = Array.from({ length: Math.min(20, rounds - done) }, (_, index) => done + index)
      // Every second one is blocked for longer than it may be.
      const results = await Promise.all(
        batch.map((number) => round(`blocked-${number}`, number % 2 === 0 ? 30 : 2, number % 2 === 0 ? 11_500 : 5000)),
      )
      wrong.push(...results.flat(), ...batch.flatMap((number) => left(join(dir, `blocked-${number}`))))
    }
    await Promise.all(crew.map((worker) => worker.end()))
    return { rounds, seconds: Math.round((monotonic() - begun) / 1000), wrong, soonest: Math.round(soonest) }
  } finally {
    for (const worker of crew) worker.process.kill('SIGKILL')
    await pause(0)
    await upstream.close()
    remove()
  }
}
