// A refusal on its way to the answer: thrown by whoever finds something wrong, caught in one place.

export class Refused {
  constructor(readonly errcode: number) {}
}

export function refuse(errcode: number): never {
  throw new Refused(errcode)
}

/** The object that a request's body must be. `unreadable`: what is said if it is none. */
export function jsonOf(body: string, unreadable = 47001): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return refuse(unreadable)
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : refuse(unreadable)
}

/** A field that must be a text; anything else counts as missing. */
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
