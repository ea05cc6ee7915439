/**
 * Risk control of one account: the administrator (the test) must confirm each new address. It knows
 * nothing of whitelists.
 */

/**
 * 0 for a confirmed address, otherwise the errcode of its refusal. 89503: the address waits for the
 * administrator. 89507 and 89506: the administrator rejected it once, or twice within a day.
 */
export type ConfirmationErrcode = 0 | 89503 | 89506 | 89507

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

interface AddressState {
  state: 'new' | 'asked' | 'confirmed'
  /** When the administrator rejected the address within the last day, in epoch milliseconds. */
  rejectedAt: number[]
  /** `until` is in epoch milliseconds. */
  block?: { until: number; errcode: 89506 | 89507 }
}

export interface IpConfirmation {
  /** `false`: every address counts as confirmed. */
  enabled: boolean
  /**
   * Checks the address of a request. Only a request with the right AppSecret makes the address wait
   * for the administrator.
   */
  check(ip: string, now: number, hasRightSecret: boolean): ConfirmationErrcode
  /** Confirms one address, or all that wait. Returns the confirmed addresses. */
  confirm(ip?: string): string[]
  /**
   * Rejects one address, or all that wait: it is blocked for an hour, and for a day if this is its
   * second rejection within a day. Returns the rejected addresses.
   */
  reject(now: number, ip?: string): string[]
}

export function createIpConfirmation(enabled: boolean): IpConfirmation {
  const addresses = new Map<string, AddressState>()

  function addressOf(ip: string): AddressState {
    const known = addresses.get(ip) ?? { state: 'new', rejectedAt: [] }
    addresses.set(ip, known)
    return known
  }

  /** The address that is named, even if it has not asked yet; otherwise all that wait. */
  function addressesFor(ip: string | undefined): [string, AddressState][] {
    if (ip !== undefined) return [[ip, addressOf(ip)]]
    return [...addresses].filter(([, address]) => address.state === 'asked')
  }

  const confirmation: IpConfirmation = {
    enabled,
    check(ip, now, hasRightSecret) {
      if (!confirmation.enabled) return 0
      const address = addressOf(ip)
      if (address.state === 'confirmed') return 0
      if (address.block && now < address.block.until) return address.block.errcode
      if (hasRightSecret) address.state = 'asked'
      return 89503
    },
    confirm(ip) {
      return addressesFor(ip).map(([name, address]) => {
        address.state = 'confirmed'
        address.block = undefined
        return name
      })
    },
    reject(now, ip) {
      return addressesFor(ip).map(([name, address]) => {
        address.rejectedAt = [...address.rejectedAt.filter((at) => now - at < DAY_MS), now]
        const isSecond = address.rejectedAt.length > 1
        address.block = isSecond ? { until: now + DAY_MS, errcode: 89506 } : { until: now + HOUR_MS, errcode: 89507 }
        address.state = 'new'
        return name
      })
    },
  }
  return confirmation
}
