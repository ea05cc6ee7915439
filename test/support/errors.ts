import type { Test } from 'tap'
import type { DogError } from '../../index.js'

type RejectionError = Error & { code?: string } & Partial<Pick<DogError, 'key' | 'retryAt' | 'path' | 'details'>>

/** The error of a promise that must reject, or of a call that must throw. */
export async function rejectionOf(task: Promise<unknown> | (() => unknown)): Promise<RejectionError> {
  let value: unknown
  try {
    value = await (typeof task === 'function' ? task() : task)
  } catch (error) {
    return error as RejectionError
  }
  throw new Error(`expected an error, but got the value ${JSON.stringify(value)}`)
}

/** Asserts the class of an error that a call throws; `t.throws` compares only its fields. */
export function throwsInstanceOf(
  t: Test,
  task: () => unknown,
  kind: abstract new (...args: never[]) => Error,
  about: string,
): void {
  let thrown: unknown
  try {
    task()
  } catch (error) {
    thrown = error
  }
  t.ok(thrown instanceof kind, `${about}: ${thrown}`)
}
