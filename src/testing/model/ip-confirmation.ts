// The risk control of one account: an address that is new must be confirmed by the administrator, who is a test. It deliberately
// knows nothing of whitelists.

/** Why an address must wait, or 0: 89503 is waiting for the administrator, 89507 and 89506 follow a refusal. */
export type RiskVerdict = 0 | 89503 | 89506 | 89507

const HOUR = 3_600_000
const DAY = 24 * HOUR

interface Address {
  state: 'new' | 'asked' | 'confirmed'
  /** When the administrator refused it lately, epoch milliseconds. */
  refusals: number[]
  blocked?: { until: number; code: 89506 | 89507 }
}

export interface Risk {
  /** Off: every address is known. */
  enabled: boolean
  /** What the address gets. `earnest`: with the right secret; only then is the administrator asked. */
  check(ip: string, now: number, earnest: boolean): RiskVerdict
  /** The administrator says yes to one address, or to all that wait. Answers which. */
  confirm(ip?: string): string[]
  /** The administrator says no: an hour's silence; for a second time within a day, a day's. Answers to which addresses. */
  reject(now: number, ip?: string): string[]
}

export function createRisk(enabled: boolean): Risk {
  const addresses = new Map<string, Address>()

  function addressOf(ip: string): Address {
    const known = addresses.get(ip) ?? { state: 'new', refusals: [] }
    addresses.set(ip, known)
    return known
  }

  /** An address that is named need not have asked. */
  function meant(ip: string | undefined): [string, Address][] {
    if (ip !== undefined) return [[ip, addressOf(ip)]]
    return [...addresses].filter(([, address]) => address.state === 'asked')
  }

  const risk: Risk = {
    enabled,
    check(ip, now, earnest) {
      if (!risk.enabled) return 0
      const address = addressOf(ip)
      if (address.state === 'confirmed') return 0
      if (address.blocked && now < address.blocked.until) return address.blocked.code
      if (earnest) address.state = 'asked'
      return 89503
    },
    confirm(ip) {
      return meant(ip).map(([name, address]) => {
        address.state = 'confirmed'
        address.blocked = undefined
        return name
      })
    },
    reject(now, ip) {
      return meant(ip).map(([name, address]) => {
        address.refusals = [...address.refusals.filter((at) => now - at < DAY), now]
        const twice = address.refusals.length > 1
        address.blocked = twice ? { until: now + DAY, code: 89506 } : { until: now + HOUR, code: 89507 }
        address.state = 'new'
        return name
      })
    },
  }
  return risk
}
