import { BOOLEAN, checkMembers, misuseOfSecret, type Rules, required } from '../../core/shared/validate.js'
import type { ClientConfig } from '../http/client.js'

/**
 * Checks the client entries of a configuration. No message holds a hash or a value that may be a
 * token.
 */

const MIN_EPOCH_MS = 1e11
/** The old one and the new one, while a token is rotated. */
const MAX_TOKENS_OF_CLIENT = 2

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const isDigest = (value: unknown): boolean => isText(value) && /^[0-9a-f]{64}$/i.test(value)
const isPair = (values: unknown[]): boolean =>
  values.length >= 1 && values.length <= MAX_TOKENS_OF_CLIENT && values.every(isDigest)

const CLIENT_RULES: Rules = {
  name: required({
    test: (value: unknown) => isText(value) && /^[\x21-\x7e]{1,64}$/.test(value),
    rule: 'must be 1 to 64 visible ASCII characters',
    isSecret: true,
  }),
  tokenSha256: required({
    test: (value: unknown) => isDigest(value) || (Array.isArray(value) && isPair(value)),
    rule: "must be the 64 hex digits of the token's SHA-256 (`dotdog token` prints them), or a list of one or two of them",
    isSecret: true,
  }),
  keys: required({
    test: (value: unknown) => Array.isArray(value) && value.every(isText),
    rule: 'must be a list of names, "*" or "WX_*"',
    isSecret: true,
  }),
  refresh: BOOLEAN,
  proxy: BOOLEAN,
  expires: {
    test: (value: string | number) => epochMsOf(value) >= MIN_EPOCH_MS,
    rule: 'must be an ISO date or epoch milliseconds',
    isSecret: true,
  },
}

/** An ISO date or epoch milliseconds as epoch milliseconds; NaN if it is neither. */
export function epochMsOf(expires: unknown): number {
  if (typeof expires === 'string') return Date.parse(expires)
  return typeof expires === 'number' ? expires : Number.NaN
}

/** @throws TypeError for the first entry that breaks a rule, or repeats a name or a hash. */
export function checkClients(configs: unknown): ClientConfig[] {
  if (!Array.isArray(configs)) throw misuseOfSecret('clients', 'must be a list', configs)
  const names = new Set<string>()
  const hashes = new Set<string>()
  return configs.map((entry: unknown, index) => {
    const path = `clients[${index}]`
    const config = checkMembers<ClientConfig>(path, entry, CLIENT_RULES)
    const { name } = config
    const tokenSha256 = [config.tokenSha256].flat().map((digest) => digest.toLowerCase())
    if (names.has(name)) throw new TypeError(`${path}.name "${name}" is another client's`)
    for (const digest of tokenSha256) {
      if (hashes.has(digest)) throw new TypeError(`${path}.tokenSha256 is there twice, or is another client's`)
      hashes.add(digest)
    }
    names.add(name)
    return { ...config, tokenSha256 }
  })
}
