import type { Test } from 'tap'

/** tap compares an error's fields, not its class. */
export function refused(t: Test, task: () => unknown, kind: abstract new (...args: never[]) => Error, about: string): void {
  let thrown: unknown
  try {
    task()
  } catch (error) {
    thrown = error
  }
  t.ok(thrown instanceof kind, `${about}: ${thrown}`)
}
