// The eight worker processes: starts them, gives all of them a task at the same moment, and
// collects their reports.
import { type ChildProcess, fork } from 'node:child_process'
import type { Report, Task, WorkerEnv } from './worker.js'

/** The argument that makes this program a worker. */
export const WORKER = 'worker'

/** Each worker must report within this time. */
const REPORT_TIMEOUT_S = 60

export interface Workers {
  readonly pids: readonly number[]
  /**
   * Gives all workers the task at once. Resolves to the reports, in the order of `pids`. Rejects if
   * one of them failed.
   */
  run<T extends 'sign' | 'call'>(task: T): Promise<Extract<Report, { task: T; ms: number }>[]>
  /** Tells the workers to end, and waits for that. Resolves to their exit codes. */
  stop(): Promise<(number | null)[]>
  /** Kills the workers that are still running. */
  kill(): void
}

/** The next report of a worker. */
function nextReport(child: ChildProcess): Promise<Report> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => finish(() => reject(new Error(`process ${child.pid} did not report within ${REPORT_TIMEOUT_S} s`))),
      REPORT_TIMEOUT_S * 1000,
    )
    const onMessage = (report: Report): void => {
      const hasFailed = 'errmsg' in report && report.errmsg !== undefined
      finish(() => (hasFailed ? reject(new Error(`process ${child.pid}: ${report.errmsg}`)) : resolve(report)))
    }
    const onExit = (code: number | null): void =>
      finish(() => reject(new Error(`process ${child.pid} ended with code ${code}`)))
    const finish = (settle: () => void): void => {
      clearTimeout(timer)
      child.off('message', onMessage).off('exit', onExit)
      settle()
    }
    child.on('message', onMessage).on('exit', onExit)
    if (child.exitCode !== null) onExit(child.exitCode)
  })
}

/** Starts `count` workers. Resolves when all of them are ready. */
export async function startWorkers(count: number, env: WorkerEnv): Promise<Workers> {
  const children = Array.from({ length: count }, () => fork(process.argv[1]!, [WORKER], { env: { ...process.env, ...env } }))
  const exits = children.map((child) => new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code))))
  const kill = (): void => {
    for (const child of children) if (child.exitCode === null) child.kill()
  }
  try {
    await Promise.all(children.map(nextReport))
  } catch (error) {
    kill()
    throw error
  }
  const sendToAll = (task: Task): void => {
    // A failure to send is ignored here: the missing report shows it.
    for (const child of children) child.send(task, () => {})
  }
  return {
    pids: children.map((child) => child.pid!),
    run<T extends 'sign' | 'call'>(task: T) {
      const reports = Promise.all(children.map(nextReport))
      sendToAll(task)
      return reports as Promise<Extract<Report, { task: T; ms: number }>[]>
    },
    stop() {
      sendToAll('stop')
      return Promise.all(exits)
    },
    kill,
  }
}
