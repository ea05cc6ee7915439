/**
 * The IP whitelist of an account. It accepts the same entries as WeChat's console. It knows nothing
 * of the calls that it guards.
 */
import { BlockList, isIP, isIPv4 } from 'node:net'
import { misuse } from '../../core/shared/validate.js'

export type AccountKind = 'official' | 'mini'

/** The console of a mini program accepts no more. The limit of official accounts is not documented. */
const MAX_MINI_ENTRIES = 10

/** Removes the IPv4-mapped prefix (`::ffff:`) that a dual-stack socket puts before an address. */
export const unmapIp = (ip: string): string => (/^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(ip) ? ip.slice(7) : ip)

/** An address as the text of 40164 shows it: `1.2.3.4 ipv6 ::ffff:1.2.3.4`. */
export const describeIp = (ip: string): string => `${ip} ipv6 ${isIPv4(ip) ? `::ffff:${ip}` : ip}`

/** Converts an entry to a network address and the length of its prefix in bits. */
function parseEntry(entry: unknown, kind: AccountKind): [network: string, bits: number] {
  const [, address = '', bits = '32', star] = /^([\d.]+)(?:\/(\d{1,2})|(\.\*))?$/.exec(String(entry)) ?? []
  if (star !== undefined && kind === 'mini' && isIPv4(`${address}.0`)) return [`${address}.0`, 24]
  if (star === undefined && isIPv4(address) && Number(bits) <= 32) return [address, Number(bits)]
  const forms = kind === 'mini' ? '1.2.3.4, 1.2.3.* or 1.2.3.0/24' : '1.2.3.4 or 1.2.3.0/24'
  throw misuse(`a whitelist entry (account kind ${kind})`, `must be like ${forms}`, entry)
}

/**
 * Returns a function that says whether an address may call.
 *
 * @param entries `undefined`: every address may call; an empty list: none may
 * @throws TypeError for an entry that the console would not accept for this kind of account.
 */
export function createWhitelist(entries: readonly string[] | undefined, kind: AccountKind): (ip: string) => boolean {
  if (entries === undefined) return () => true
  if (!Array.isArray(entries)) throw misuse('whitelist', 'must be a list of addresses', entries)
  if (kind === 'mini' && entries.length > MAX_MINI_ENTRIES) {
    throw new TypeError(`whitelist must have at most ${MAX_MINI_ENTRIES} entries for a mini program; got ${entries.length}`)
  }
  const list = new BlockList()
  for (const entry of entries) list.addSubnet(...parseEntry(entry, kind), 'ipv4')
  return (ip) => isIPv4(unmapIp(ip)) && list.check(unmapIp(ip), 'ipv4')
}

/**
 * Checks an IP address and removes its IPv4-mapped prefix.
 *
 * @throws TypeError unless the value is an IPv4 or IPv6 address without a port.
 */
export function checkIp(ip: unknown): string {
  if (typeof ip !== 'string' || isIP(ip) === 0) throw misuse('clientIp', 'must be an IP address', ip)
  return unmapIp(ip)
}
