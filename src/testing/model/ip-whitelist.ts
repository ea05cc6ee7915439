// Which addresses may call: the entries of the console, read as the console reads them. It deliberately knows nothing of what
// is called.
import { BlockList, isIP, isIPv4 } from 'node:net'

export type AccountKind = 'official' | 'mini'

/** More do not fit into the console of a mini program; how many fit for an official account is not documented. */
const MOST_MINI = 10

/** An address without the IPv4-mapped prefix, which a dual-stack socket puts before it. */
export const plainIp = (ip: string): string => (/^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(ip) ? ip.slice(7) : ip)

/** The caller as 40164 names it: `1.2.3.4 ipv6 ::ffff:1.2.3.4`. */
export const shownIp = (ip: string): string => `${ip} ipv6 ${isIPv4(ip) ? `::ffff:${ip}` : ip}`

/** An entry as a network and the bits that count. */
function parse(entry: unknown, kind: AccountKind): [network: string, bits: number] {
  const [, address = '', bits = '32', star] = /^([\d.]+)(?:\/(\d{1,2})|(\.\*))?$/.exec(String(entry)) ?? []
  if (star !== undefined && kind === 'mini' && isIPv4(`${address}.0`)) return [`${address}.0`, 24]
  if (star === undefined && isIPv4(address) && Number(bits) <= 32) return [address, Number(bits)]
  const forms = kind === 'mini' ? '1.2.3.4, 1.2.3.* or 1.2.3.0/24' : '1.2.3.4 or 1.2.3.0/24'
  throw new TypeError(`a whitelist entry (account kind ${kind}) must be like ${forms}; got ${entry} (${typeof entry})`)
}

/**
 * Whether an address may call. No entries at all: every address may.
 *
 * @throws TypeError for an entry that the console of this kind of account would not take.
 */
export function readWhitelist(entries: readonly string[] | undefined, kind: AccountKind): (ip: string) => boolean {
  if (entries === undefined) return () => true
  if (!Array.isArray(entries)) throw new TypeError(`whitelist must be a list of addresses; got ${typeof entries}`)
  if (kind === 'mini' && entries.length > MOST_MINI) {
    throw new TypeError(`whitelist must have at most ${MOST_MINI} entries for a mini program; got ${entries.length}`)
  }
  const list = new BlockList()
  for (const entry of entries) list.addSubnet(...parse(entry, kind), 'ipv4')
  return (ip) => isIPv4(plainIp(ip)) && list.check(plainIp(ip), 'ipv4')
}

/** @throws TypeError */
export function checkIp(ip: unknown): string {
  if (typeof ip !== 'string' || isIP(ip) === 0) throw new TypeError(`clientIp must be an IP address; got ${ip} (${typeof ip})`)
  return plainIp(ip)
}
