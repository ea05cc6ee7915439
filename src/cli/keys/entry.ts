// An entry of `keys` in a configuration: one kind, which says how the value is fetched, and options
// that every kind has.
import type { KeyOptions } from 'dotdog'
import { checkValue, misuse, nearestName, OBJECT, required } from '../../core/shared/validate.js'

/** Options that every entry may have. Seconds. */
export interface CommonOptions
  extends Pick<KeyOptions, 'refreshAhead' | 'timeout' | 'quota' | 'autoRefresh' | 'identity' | 'followOnly'> {
  /** The lifetime of a value whose source does not say it. */
  expiresIn?: number
}

export type KeyEntry = CommonOptions & Readonly<Record<string, unknown>>

export const FETCHER_KINDS = [
  'oauth2',
  'refreshToken',
  'google',
  'githubApp',
  'entra',
  'feishu',
  'dingtalk',
  'wecom',
  'qqBot',
  'douyin',
] as const
export const KINDS = ['wechat', ...FETCHER_KINDS, 'command', 'http'] as const
export type FetcherKind = (typeof FETCHER_KINDS)[number]
export type Kind = (typeof KINDS)[number]

const OPTION_NAMES = ['refreshAhead', 'timeout', 'quota', 'autoRefresh', 'identity', 'followOnly'] as const
/** These kinds know no lifetime unless their source or the configuration says it. */
const KINDS_WITH_LIFETIME: readonly string[] = ['command', 'http', 'oauth2', 'refreshToken']

/**
 * Checks the shape of an entry and returns its kind. The members of a kind are checked by what
 * fetches it.
 *
 * @throws TypeError that names what is wrong, and shows no value.
 */
export function kindOf(path: string, entry: unknown): Kind {
  checkValue(path, entry, required(OBJECT))
  const names = Object.keys(entry as object)
  const known: string[] = [...KINDS, ...OPTION_NAMES, 'expiresIn', 'environment']
  for (const name of names) {
    if (known.includes(name)) continue
    const nearest = nearestName(name, known)
    const hint = nearest === undefined ? `there are ${known.join(', ')}` : `did you mean "${nearest}"?`
    throw new TypeError(`${path} has an unknown member; ${hint}`)
  }
  const kinds = KINDS.filter((kind) => names.includes(kind))
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    throw new TypeError(
      `${path} must have exactly one of ${KINDS.join(', ')}${kinds.length > 1 ? `; it has ${kinds.join(' and ')}` : ''}`,
    )
  }
  if (names.includes('environment') && kind !== 'command') throw new TypeError(`${path}.environment belongs to a command`)
  const { expiresIn } = entry as CommonOptions
  if (expiresIn !== undefined && !KINDS_WITH_LIFETIME.includes(kind)) {
    throw new TypeError(`${path}.expiresIn is not for ${kind}, whose upstream says the lifetime`)
  }
  if (expiresIn !== undefined && !(typeof expiresIn === 'number' && expiresIn > 0)) {
    throw misuse(`${path}.expiresIn`, 'must be a number of seconds, over 0', typeof expiresIn)
  }
  return kind
}

/** The options of an entry for `init`. */
export const commonOptions = (entry: KeyEntry): KeyOptions =>
  Object.fromEntries(OPTION_NAMES.filter((name) => entry[name] !== undefined).map((name) => [name, entry[name]]))
