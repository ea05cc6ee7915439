import type { DogRecord } from '../../../index.js'
import type { DogError } from '../model/errors.js'
import type { Deadline } from './deadline.js'

/** One run of the coordinator, which concurrent callers share. */
export interface SharedRun {
  result: Promise<DogRecord | undefined>
  /** Whether the run ignores a recorded failure. */
  force: boolean
  /** Callers that wait for it now. */
  callers: number
  /** Ends a wait for another process. A fetch of this process goes on. */
  abandon(): void
}

/**
 * Waits for a run that may be another caller's. Resolves to undefined if the caller must start a run
 * of its own. The last caller that leaves ends the wait for another process.
 *
 * @param force whether the caller ignores a recorded failure
 */
export async function joinRun(run: SharedRun, force: boolean, deadline: Deadline): Promise<DogRecord | undefined> {
  // A caller that forces does not take over the failure of a run that did not.
  const ended = run.result.catch(run.force || !force ? ignoreWaitTimeout : () => undefined)
  run.callers++
  try {
    return await Promise.race([deadline.passed, ended])
  } finally {
    if (--run.callers === 0) run.abandon()
  }
}

/** The time-out of a run that a caller joined late is not that caller's time-out: it starts another run. */
function ignoreWaitTimeout(error: DogError): undefined {
  if (error.code !== 'ERR_DOG_WAIT_TIMEOUT') throw error
}
