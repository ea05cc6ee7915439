import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RecordObserver } from './observer.js'
import { startUpstream, tokenNumber } from './upstream.js'
import { pause, processState, temporaryFolder, Worker } from './workers.js'

/**
 * Suspends a holder before each system call of its commit, with one process for each call, for longer
 * than it may hold the lock. Then it resumes. A commit that checks its lock and then renames is
 * suspended between the two here. Signals at random do not hit a gap of some microseconds.
 */
const KEY = 'TOKEN'

export interface CommitFigures {
  /** How many holders were suspended. If it is less than `maxCalls`, that is every call there is. */
  suspended: number
  /** How many of them found on resuming that another process had fetched. */
  overtaken: number
  violations: string[]
}

/** @param maxCalls how many processes to start, one for each possible system call */
export async function runSuspendedCommits(maxCalls: number): Promise<CommitFigures> {
  const { dir, remove } = temporaryFolder()
  const upstream = await startUpstream()
  const other = new Worker()
  const holders = Array.from({ length: maxCalls }, (_, index) => new Worker([], { STOP_AT: String(index + 1) }))
  const figures: CommitFigures = { suspended: 0, overtaken: 0, violations: [] }

  const runRound = async (holder: Worker, call: number) => {
    const endpoint = upstream.endpoint(`call-${call}`)
    const command = { dir: join(dir, `call-${call}`), key: KEY, url: endpoint.url, timeout: 2 }
    const observer = new RecordObserver(command.dir, KEY)
    const violation = (what: string) => figures.violations.push(`suspended before call ${call}: ${what}`)
    try {
      let isSettled = false
      const holdersGet = holder.get(command).finally(() => (isSettled = true))
      // An error below kills the holder. Its `get` then rejects, and must not hide that error.
      holdersGet.catch(() => {})
      while (!isSettled && processState(holder.pid) !== 'T') await pause(2)
      if (!isSettled) figures.suspended++
      const ofOther = await other.get(command)
      if (endpoint.requests.length > 1) figures.overtaken++
      holder.process.kill('SIGCONT')
      const ofHolder = await holdersGet
      const ofLast = await other.get(command)
      observer.check()
      const record = tokenNumber(JSON.parse(readFileSync(join(command.dir, `${KEY}.dog`), 'utf8')).value)
      const fetches = endpoint.requests.length
      if (record !== fetches) violation(`the record holds token ${record} after ${fetches} fetches`)
      for (const [name, { value, code, message }] of Object.entries({ holding: ofHolder, waiting: ofOther, last: ofLast })) {
        const outcome = value ?? `${code} ${message}`
        if (tokenNumber(value) !== record)
          violation(`the get of the ${name} process is ${outcome}, the record holds token ${record}`)
      }
      for (const regression of observer.regressions) violation(regression)
      for (const torn of observer.torn) violation(`torn: ${torn}`)
    } finally {
      observer.stop()
    }
  }
  try {
    await Promise.all([other, ...holders].map(({ ready }) => ready))
    await Promise.all(holders.map((holder, index) => runRound(holder, index + 1)))
    return figures
  } finally {
    for (const worker of [other, ...holders]) worker.process.kill('SIGKILL')
    await Promise.all([other, ...holders].map(({ exited }) => exited))
    await upstream.close()
    remove()
  }
}
