// The eight children: starting them, giving all of them a task in one moment, and hearing of all of them.
import { type ChildProcess, fork } from 'node:child_process'
import type { Report, Task, WorkerEnv } from './worker.js'

/** The argument that makes this program a worker. */
export const WORKER = 'worker'

/** Seconds in which all of them must have reported. */
const REPORT_TIMEOUT_S = 60

export interface Workers {
  readonly pids: readonly number[]
  /** Gives everyone the task at once. Resolves to the reports, in the order of `pids`; rejects if one of them failed. */
  run<T extends 'sign' | 'call'>(task: T): Promise<Extract<Report, { task: T; ms: number }>[]>
  /** Lets them end by themselves, and waits for it. Resolves to their exit codes. */
  stop(): Promise<(number | null)[]>
  /** Ends whoever is left. */
  kill(): void
}

function reportOf(child: ChildProcess): Promise<Report> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => finish(() => reject(new Error(`process ${child.pid} said nothing for ${REPORT_TIMEOUT_S} s`))),
      REPORT_TIMEOUT_S * 1000,
    )
    const heard = (report: Report): void => {
      const failed = 'errmsg' in report && report.errmsg !== undefined
      finish(() => (failed ? reject(new Error(`process ${child.pid}: ${report.errmsg}`)) : resolve(report)))
    }
    const gone = (code: number | null): void => finish(() => reject(new Error(`process ${child.pid} ended with ${code}`)))
    const finish = (settle: () => void): void => {
      clearTimeout(timer)
      child.off('message', heard).off('exit', gone)
      settle()
    }
    child.on('message', heard).on('exit', gone)
    if (child.exitCode !== null) gone(child.exitCode)
  })
}

/** Starts `size` workers, and resolves when all of them are ready. */
export async function startWorkers(size: number, env: WorkerEnv): Promise<Workers> {
  const children = Array.from({ length: size }, () => fork(process.argv[1]!, [WORKER], { env: { ...process.env, ...env } }))
  const exits = children.map((child) => new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code))))
  const kill = (): void => {
    for (const child of children) if (child.exitCode === null) child.kill()
  }
  try {
    await Promise.all(children.map(reportOf))
  } catch (error) {
    kill()
    throw error
  }
  const order = (task: Task): void => {
    // One that is gone is missed by its report, not here.
    for (const child of children) child.send(task, () => {})
  }
  return {
    pids: children.map((child) => child.pid!),
    run<T extends 'sign' | 'call'>(task: T) {
      const reports = Promise.all(children.map(reportOf))
      order(task)
      return reports as Promise<Extract<Report, { task: T; ms: number }>[]>
    },
    stop() {
      order('stop')
      return Promise.all(exits)
    },
    kill,
  }
}
