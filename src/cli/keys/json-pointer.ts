// JSON pointers (RFC 6901): where a value is in a document.
import type { Rule } from '../../core/shared/validate.js'

export const POINTER: Rule = {
  test: (value: unknown) => typeof value === 'string' && /^(\/([^~]|~[01])*)*$/.test(value),
  rule: 'must be a JSON pointer, such as "/data/token"',
  isSecret: true,
}

/** The value at a pointer. Undefined if there is none. The pointer '' is the whole document. */
export function valueAt(document: unknown, pointer: string): unknown {
  let value = document
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}
