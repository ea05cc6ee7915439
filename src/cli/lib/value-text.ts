import { ExitError } from './exit-error.js'

/** A value as text: a string as it is, and anything else as JSON. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/**
 * A part of a value that is an object: a member by its name, or a JSON pointer.
 *
 * @throws ExitError (code 1) where the value has no such part.
 */
export function fieldOf(key: string, value: unknown, field: string | undefined): unknown {
  if (field === undefined) return value
  const names = field.startsWith('/') ? field.slice(1).split('/').map(unescapeName) : [field]
  let part = value
  for (const name of names) {
    const holder: unknown = part
    part = typeof holder === 'object' && holder !== null && Object.hasOwn(holder, name) ? Object(holder)[name] : undefined
  }
  if (part === undefined) throw new ExitError(1, `The value of ${key} has no such field`)
  return part
}

const unescapeName = (name: string): string => name.replaceAll('~1', '/').replaceAll('~0', '~')
