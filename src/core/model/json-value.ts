import { MAX_DEPTH } from '../shared/format.js'
import { redact } from '../shared/redact.js'
import { UnusableResult } from './parse-expiry.js'

/**
 * Values as JSON holds them: the check that a value comes back from a store as it was given, and the
 * comparison of two such values. Pure. No message shows a value.
 */

/**
 * A value of this size still fits into a file of 1 MiB when it is encrypted, with room for the rest
 * of the record.
 */
const MAX_VALUE_BYTES = 700_000
/** The record is the outermost level, so one level less is left for the value. */
const MAX_VALUE_DEPTH = MAX_DEPTH - 1
/** JSON writes a UTF-16 unit in at most this many bytes, as `\u0000`. */
const MAX_BYTES_PER_CHAR = 6
/** A path in a message is cut after this many characters. */
const MAX_PATH_CHARS = 100

const tooLarge = (): UnusableResult => new UnusableResult(`the value is larger than ${MAX_VALUE_BYTES} bytes`)

/**
 * Copies a value as every process will see it. `undefined` members of objects are left out, and an
 * object with a `toJSON` method (a `Date`, a `URL`) becomes what the method returns.
 *
 * @throws UnusableResult if JSON would change the value, or if it is too large or nested too deeply.
 */
export function toStorable(value: unknown): unknown {
  const copy = typeof value === 'string' ? value : new Copier().copy(value)
  const isSmall = typeof copy === 'string' && copy.length * MAX_BYTES_PER_CHAR < MAX_VALUE_BYTES
  if (!isSmall && Buffer.byteLength(JSON.stringify(copy)) > MAX_VALUE_BYTES) throw tooLarge()
  return copy
}

/** Copies one value. Reads each member once: a getter cannot answer the check and the copy differently. */
class Copier {
  /** The members that lead to the one being copied. */
  readonly #path: (string | number)[] = []
  /** The objects around it. */
  readonly #ancestors: object[] = []
  /** The least number of bytes that the copy takes so far: ends the walk of an endless value. */
  #bytes = 0

  copy(value: unknown): unknown {
    this.#bytes += typeof value === 'string' ? value.length + 3 : 2
    if (this.#bytes > MAX_VALUE_BYTES + 2) throw tooLarge()
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value
      case 'number':
        if (!Number.isFinite(value)) throw this.#error(String(value))
        return value === 0 ? 0 : value
      case 'object':
        return value === null ? null : this.#copyObject(value)
      default:
        throw this.#error(value === undefined ? 'undefined' : `a ${typeof value}`)
    }
  }

  #copyObject(value: object): unknown {
    if (this.#ancestors.includes(value)) throw this.#error('an object that contains itself')
    if (this.#ancestors.length === MAX_VALUE_DEPTH) {
      throw new UnusableResult(`the value is nested deeper than ${MAX_VALUE_DEPTH} levels`)
    }
    this.#ancestors.push(value)
    try {
      return Array.isArray(value) ? this.#copyArray(value) : this.#copyMembers(value)
    } catch (error) {
      // A getter or a proxy of the value threw.
      throw error instanceof UnusableResult ? error : this.#error('an object that cannot be read')
    } finally {
      this.#ancestors.pop()
    }
  }

  #copyArray(value: readonly unknown[]): unknown[] {
    if (!isPlain(value, 2)) throw this.#error(describeClass(value))
    const copy: unknown[] = []
    // A length without elements could be endless.
    for (let index = 0; index < value.length; index++) copy.push(this.#copyMember(index, value[index]))
    if (Object.keys(value).length !== copy.length) throw this.#error('an array with members that have names')
    return copy
  }

  #copyMembers(value: object): unknown {
    const { toJSON, then } = value as { toJSON?: unknown; then?: unknown }
    if (typeof then === 'function') throw this.#error('a promise: await it')
    if (typeof toJSON === 'function' && hasOwnJson(value)) return this.copy(toJSON.call(value, ''))
    if (!isPlain(value, 1)) throw this.#error(describeClass(value))
    const copy: Record<string, unknown> = {}
    for (const name of Object.keys(value)) {
      const part = (value as Record<string, unknown>)[name]
      if (part === undefined) continue
      this.#bytes += name.length + 3
      const copied = this.#copyMember(name, part)
      // An assignment would change the prototype instead.
      if (name === '__proto__') Object.defineProperty(copy, name, { value: copied, ...PLAIN_MEMBER })
      else copy[name] = copied
    }
    if (Object.getOwnPropertySymbols(value).length > 0) throw this.#error('an object with a symbol as a member')
    return copy
  }

  #copyMember(name: string | number, part: unknown): unknown {
    if (typeof part === 'string' || typeof part === 'boolean') return this.copy(part)
    this.#path.push(name)
    const copy = this.copy(part)
    this.#path.pop()
    return copy
  }

  /** The error for the member that is being copied: `value.items[2] is a Map`. */
  #error(what: string): UnusableResult {
    if (this.#path.length === 0) return new UnusableResult(`the value is ${what}`)
    const path = `value${this.#path.map(showStep).join('')}`
    return new UnusableResult(`${path.length > MAX_PATH_CHARS ? `${path.slice(0, MAX_PATH_CHARS)}…` : path} is ${what}`)
  }
}

const PLAIN_MEMBER = { enumerable: true, configurable: true, writable: true }

/** One step of a path. A name that is no ordinary word may be a secret. */
function showStep(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`
  return /^[A-Za-z_$][A-Za-z_$]{0,29}$/.test(step) && redact(step) === step ? `.${step}` : '[…]'
}

/**
 * Whether an object has no class of its own: its prototype chain has at most `length` links. The
 * prototypes themselves are not compared, since another realm (a test runner's) has others.
 */
function isPlain(value: object, length: number): boolean {
  let proto: object | null = Object.getPrototypeOf(value)
  for (let links = 0; links < length && proto !== null; links++) proto = Object.getPrototypeOf(proto)
  return proto === null
}

/**
 * Whether the JSON of an object with a `toJSON` method says what the object is. That of bytes and
 * of an error does not.
 */
function hasOwnJson(value: object): boolean {
  if (value instanceof Date) return !Number.isNaN(value.getTime())
  return !ArrayBuffer.isView(value) && Object.prototype.toString.call(value) !== '[object Error]'
}

function describeClass(value: object): string {
  if (value instanceof Date) return 'an invalid Date'
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  if (typeof name !== 'string' || !/^[A-Za-z_$][\w$]{0,39}$/.test(name) || name === 'Object') return 'an object of a class'
  return `${/^[AEIO]/i.test(name) ? 'an' : 'a'} ${name}`
}

/**
 * Whether two values that JSON holds are the same. The order of an object's members does not
 * matter: a store may change it.
 */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(
      (name) =>
        Object.hasOwn(b, name) && isSameJson((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]),
    )
  )
}
