import { BOOLEAN, checkMembers, misuseOfSecret, type Rules, required } from '../../core/shared/validate.js'
import type { ClientConfig } from '../http/client.js'

/**
 * Checks the client entries of a configuration. No message holds a hash or a value that may be a
 * token.
 */

const MIN_EPOCH_MS = 1e11

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const CLIENT_RULES: Rules = {
  name: required({
    test: (value: unknown) => isText(value) && /^[\x21-\x7e]{1,64}$/.test(value),
    rule: 'must be 1 to 64 visible ASCII characters',
    isSecret: true,
  }),
  tokenSha256: required({
    test: (value: unknown) => isText(value) && /^[0-9a-f]{64}$/i.test(value),
    rule: "must be the 64 hex digits of the token's SHA-256 (`dotdog token` prints them)",
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
    const tokenSha256 = config.tokenSha256.toLowerCase()
    if (names.has(name)) throw new TypeError(`${path}.name "${name}" is another client's`)
    if (hashes.has(tokenSha256)) throw new TypeError(`${path}.tokenSha256 is another client's`)
    names.add(name)
    hashes.add(tokenSha256)
    return { ...config, tokenSha256 }
  })
}
