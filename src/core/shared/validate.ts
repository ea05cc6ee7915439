import { redact } from './redact.js'

/**
 * Checks what users pass in, by one table of rules for each set of options. A message names the
 * option, the rule, the value and its type. The value of a secret is never shown.
 */

/** What one option must be. `undefined` always passes: whether an option is required is another rule. */
export interface Rule {
  readonly test: (value: never) => boolean
  /** Completes the sentence "timeout …": `must be true or false`. */
  readonly rule: string
  /** The value is a secret, or may be one in the wrong place: only its type is shown. */
  readonly isSecret?: boolean
  /** `undefined` is refused as well. */
  readonly isRequired?: boolean
}

export type Rules = Readonly<Record<string, Rule>>

/** A string in a message is cut after this many characters. */
const MAX_SHOWN_CHARS = 40
/** A misspelt name is recognised up to this many edits away. */
const MAX_EDITS = 3

/**
 * Checks an object of options and returns it.
 *
 * @param subject what the options belong to, for the message: `wechat`
 * @throws TypeError for the first option that is unknown or breaks its rule.
 */
export function checkOptions<T extends object>(subject: string, options: unknown, rules: Rules): T {
  checkObject(subject, options)
  checkEach(subject, options, rules, '')
  return options as T
}

/**
 * Checks an object inside other options and returns it. A message names a member by its path,
 * `clients[0].name`.
 *
 * @throws TypeError for the first member that is unknown or breaks its rule.
 */
export function checkMembers<T extends object>(path: string, value: unknown, rules: Rules): T {
  checkValue(path, value, required(OBJECT))
  checkEach(path, value as Record<string, unknown>, rules, `${path}.`)
  return value as T
}

function checkEach(subject: string, options: Record<string, unknown>, rules: Rules, prefix: string): void {
  const known = Object.keys(rules)
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(rules, name)) throw unknownOption(subject, name, known)
  }
  for (const name of known) checkValue(`${prefix}${name}`, options[name], rules[name]!)
}

/** @throws TypeError unless the options are a plain object. */
export function checkObject(subject: string, options: unknown): asserts options is Record<string, unknown> {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return
  throw misuseOfSecret(`the options of ${subject}`, 'must be an object', options)
}

/** @throws TypeError if the value breaks the rule. */
export function checkValue(name: string, value: unknown, { test, rule, isSecret, isRequired }: Rule): void {
  if (value === undefined ? isRequired !== true : test(value as never)) return
  throw (isSecret === true ? misuseOfSecret : misuse)(name, rule, value)
}

/** The error for a wrong call: the option's name, the rule, the value and its type. */
export const misuse = (name: string, rule: string, value: unknown): TypeError =>
  new TypeError(`${name} ${rule}; got ${show(value)} (${typeName(value)})`)

/** The same where the value is, or may be, a secret: only its type is shown. */
export const misuseOfSecret = (name: string, rule: string, value: unknown): TypeError =>
  new TypeError(`${name} ${rule}; got ${value === '' ? 'an empty string' : typeName(value)}`)

/** The error for an option that does not exist, with the nearest name that does. */
export function unknownOption(subject: string, name: string, known: readonly string[]): TypeError {
  const nearest = nearestName(name, known)
  const hint = nearest === undefined ? `there are ${known.join(', ')}` : `did you mean "${nearest}"?`
  return new TypeError(`unknown option "${redact(name).slice(0, MAX_SHOWN_CHARS)}" of ${subject}; ${hint}`)
}

/** The known name that is at most a few edits away from a misspelt one. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const limit = Math.min(MAX_EDITS, Math.floor(name.length / 2))
  const ranked = known
    .map((candidate) => ({ candidate, edits: editsBetween(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ edits }) => edits <= limit)
    .sort((a, b) => a.edits - b.edits)
  return ranked[0]?.candidate
}

/** Insertions, deletions and substitutions from one text to the other (Levenshtein). */
function editsBetween(from: string, to: string): number {
  if (from.length > 100) return Number.POSITIVE_INFINITY
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const substitution = previous[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1)
      current.push(Math.min(previous[column]! + 1, current[column - 1]! + 1, substitution))
    }
    previous = current
  }
  return previous[to.length]!
}

/** A value as a message may show it. A token in the wrong place is still a secret, so strings are redacted and cut. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    const clean = redact(value)
    return JSON.stringify(clean.length > MAX_SHOWN_CHARS ? `${clean.slice(0, MAX_SHOWN_CHARS)}…` : clean)
  }
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return String(value)
}

export const typeName = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)

// Rules that several tables use.

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''

export const BOOLEAN: Rule = { test: (value: unknown) => typeof value === 'boolean', rule: 'must be true or false' }
export const FUNCTION: Rule = {
  test: (value: unknown) => typeof value === 'function',
  rule: 'must be a function',
  isSecret: true,
}
export const OBJECT: Rule = {
  test: (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value),
  rule: 'must be an object',
  isSecret: true,
}
export const LIST: Rule = { test: Array.isArray, rule: 'must be a list', isSecret: true }
export const TEXT: Rule = { test: isText, rule: 'must be a string that is not empty' }
export const SECRET_TEXT: Rule = { ...TEXT, isSecret: true }
/** A name of an account. Upstreams tell `123` from `"123"`, so that a number is refused. */
export const ID: Rule = {
  test: (value: unknown) => typeof value === 'string' && /^\S+$/.test(value),
  rule: 'must be a non-empty string without spaces',
}
export const SECRET_ID: Rule = { ...ID, isSecret: true }
export const required = (rule: Rule): Rule => ({ ...rule, isRequired: true })

export const NOT_NEGATIVE: Rule = {
  test: (value: unknown) => typeof value === 'number' && value >= 0,
  rule: 'must be a number, 0 or more',
}
/** A number over 0, small enough for a timer. */
export const POSITIVE_NUMBER: Rule = {
  test: (value: unknown) => typeof value === 'number' && value > 0 && value < 2 ** 31,
  rule: 'must be a number over 0',
}
export const SECONDS: Rule = { ...NOT_NEGATIVE, rule: 'must be a number of seconds, 0 or more' }
/** A number of seconds, over 0 and at most `max`. */
export const secondsUpTo = (max: number): Rule => ({
  test: (value: unknown) => typeof value === 'number' && value > 0 && value <= max,
  rule: `must be a number of seconds, at most ${max}`,
})

/** One of these strings. */
export const oneOf = (...allowed: string[]): Rule => ({
  test: (value: unknown) => allowed.includes(value as string),
  rule: `must be ${allowed.map((one) => `'${one}'`).join(' or ')}`,
})

/** For an option that other code checks: here it only has to be known. */
export const ANYTHING: Rule = { test: () => true, rule: 'may be anything' }
