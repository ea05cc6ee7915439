import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Watch } from './observer.js'
import { startUpstream, tokenNumber } from './upstream.js'
import { pause, stateOf, temporary, Worker } from './workers.js'

/**
 * A holder is stopped before each system call of its commit, one process a call, for longer than it may hold the lock. Then
 * it goes on. A commit that looks whether the lock is still its own, and then renames, is stopped between the two here: signals
 * at random do not hit a gap of some microseconds.
 */
const KEY = 'TOKEN'

export interface Stopped {
  /** How many calls were stopped at: all that there are, if the last of the processes met none to stop at. */
  stopped: number
  /** Of them, those after which another process had fetched when it went on. */
  overtaken: number
  wrong: string[]
}

/** @param most processes, one for each call that there may be */
export async function stoppedCommits(most: number): Promise<Stopped> {
  const { dir, remove } = temporary()
  const upstream = await startUpstream()
  const other = new Worker()
  const holders = Array.from({ length: most }, (_, index) => new Worker(() => {}, [], { STOP_AT: String(index + 1) }))
  const figures: Stopped = { stopped: 0, overtaken: 0, wrong: [] }

  const round = async (holder: Worker, call: number) => {
    const desk = upstream.desk(`call-${call}`)
    const task = { dir: join(dir, `call-${call}`), key: KEY, url: desk.url, timeout: 2 }
    const watch = new Watch(task.dir, KEY)
    const say = (what: string) => figures.wrong.push(`stopped before call ${call}: ${what}`)
    try {
      let answered = false
      const own = holder.get(task).finally(() => (answered = true))
      while (!answered && stateOf(holder.pid) !== 'T') await pause(2)
      if (!answered) figures.stopped++
      const theirs = await other.get(task)
      if (desk.asked.length > 1) figures.overtaken++
      holder.process.kill('SIGCONT')
      const ours = await own
      const last = await other.get(task)
      watch.look()
      const record = tokenNumber(JSON.parse(readFileSync(join(task.dir, `${KEY}.dog`), 'utf8')).value)
      if (record !== desk.asked.length) say(`token ${record} is the record after ${desk.asked.length} fetches`)
      for (const [who, { value, code, message }] of Object.entries({ ours, theirs, last })) {
        if (tokenNumber(value) !== record) say(`${who} is ${value ?? `${code} ${message}`}, the record token ${record}`)
      }
      for (const older of watch.older) say(older)
      for (const torn of watch.torn) say(`torn: ${torn}`)
    } finally {
      watch.end()
    }
  }
  try {
    await Promise.all([other, ...holders].map(({ ready }) => ready))
    await Promise.all(holders.map((holder, index) => round(holder, index + 1)))
    return figures
  } finally {
    for (const worker of [other, ...holders]) worker.process.kill('SIGKILL')
    await Promise.all([other, ...holders].map(({ exited }) => exited))
    await upstream.close()
    remove()
  }
}
