import { hash, timingSafeEqual } from 'node:crypto'
import type { Client, ClientConfig, Clients } from '../http/client.js'

/** Who may ask, as it stands now: checked configurations, found by the hash of a token. */

export interface Member extends Client {
  /** 64 hex digits. */
  readonly hash: Buffer
  /** Epoch milliseconds. */
  readonly expires: number
  /** What it was made of, so that a list that is read again can be compared. */
  readonly made: string
}

/** A socket that only we and root can open needs no tokens: whoever comes may do everything. */
const EVERYBODY: Member = {
  name: 'local',
  mayRead: () => true,
  mayRefresh: true,
  mayProxy: true,
  hash: Buffer.alloc(64),
  expires: Number.POSITIVE_INFINITY,
  made: '',
}

const MEMBERS = ['name', 'tokenSha256', 'keys', 'refresh', 'proxy', 'expires']
/** A timer's longest time is 24.8 days. */
const LONGEST = 86_400_000

/** As 64 hex digits, which is several times cheaper than as bytes; in a buffer that the next call overwrites. */
const scratch = Buffer.alloc(64)
function hashOf(token: string): Buffer {
  scratch.write(hash('sha256', token, 'hex'), 'latin1')
  return scratch
}

export class Roster implements Clients {
  #members: readonly Member[] | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #onEnd: () => void

  /**
   * @param configs undefined: everybody may do everything
   * @param onEnd told when tokens were revoked, changed or ran out: what they hold open must end
   */
  constructor(configs: readonly ClientConfig[] | undefined, onEnd: () => void) {
    this.#members = configs === undefined ? undefined : checkClients(configs)
    this.#onEnd = onEnd
    this.#await()
  }

  get isOpen(): boolean {
    return this.#members === undefined
  }

  /** The new list holds from now on. Who is in both, unchanged, notices nothing. */
  replace(configs: readonly ClientConfig[]): void {
    const old = new Map(this.#members?.map((member) => [member.made, member]))
    this.#members = checkClients(configs).map((member) => old.get(member.made) ?? member)
    this.#onEnd()
    this.#await()
  }

  /** All are compared, so that the time tells nothing of who it was, nor how near a guess came. */
  look(token: string): Member | undefined {
    if (this.#members === undefined) return EVERYBODY
    const asked = hashOf(token)
    let found: Member | undefined
    for (const member of this.#members) if (timingSafeEqual(asked, member.hash)) found = member
    return found
  }

  /** Whether it is still one of the clients. */
  has(client: Client): boolean {
    return this.#members === undefined || (this.#members.includes(client as Member) && (client as Member).expires > Date.now())
  }

  find(token: string): Client | undefined {
    const member = this.look(token)
    return member === undefined || member.expires <= Date.now() ? undefined : member
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  /** Waits for the next token that runs out. */
  #await(): void {
    clearTimeout(this.#timer)
    const next = Math.min(...(this.#members ?? []).map(({ expires }) => expires).filter((expires) => expires > Date.now()))
    if (!Number.isFinite(next)) return
    const wait = Math.min(LONGEST, next - Date.now() + 1)
    this.#timer = setTimeout(() => {
      this.#onEnd()
      this.#await()
    }, wait).unref()
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

/** @throws TypeError for the first client that is wrong. Its message holds no hash. */
export function checkClients(configs: unknown): Member[] {
  if (!Array.isArray(configs)) throw new TypeError(`clients must be a list; got ${typeof configs}`)
  const names = new Set<string>()
  const hashes = new Set<string>()
  return configs.map((config: unknown, index) => {
    const at = `clients[${index}]`
    if (typeof config !== 'object' || config === null) throw new TypeError(`${at} must be an object; got ${typeof config}`)
    const { name, tokenSha256, keys, refresh = false, proxy = false, expires } = config as Record<string, unknown>
    for (const member of Object.keys(config)) {
      if (!MEMBERS.includes(member))
        throw new TypeError(`${at} has an unknown member "${member}"; there are ${MEMBERS.join(', ')}`)
    }
    if (!isText(name) || !/^[\x21-\x7e]{1,64}$/.test(name)) {
      throw new TypeError(`${at}.name must be 1 to 64 visible ASCII characters; got ${typeof name}`)
    }
    if (names.has(name)) throw new TypeError(`${at}.name "${name}" is another client's`)
    if (!isText(tokenSha256) || !/^[0-9a-f]{64}$/i.test(tokenSha256)) {
      throw new TypeError(`${at}.tokenSha256 must be the 64 hex digits of the token's SHA-256 (dotdog token makes them)`)
    }
    const digits = tokenSha256.toLowerCase()
    if (hashes.has(digits)) throw new TypeError(`${at}.tokenSha256 is another client's`)
    if (!Array.isArray(keys) || !keys.every(isText)) throw new TypeError(`${at}.keys must be a list of names, "*" or "WX_*"`)
    for (const [member, value] of Object.entries({ refresh, proxy })) {
      if (typeof value !== 'boolean') throw new TypeError(`${at}.${member} must be true or false; got ${typeof value}`)
    }
    names.add(name)
    hashes.add(digits)
    return {
      name,
      mayRead: readerOf(keys),
      mayRefresh: refresh as boolean,
      mayProxy: proxy as boolean,
      hash: Buffer.from(digits, 'latin1'),
      expires: endOf(expires, at),
      made: JSON.stringify([name, digits, keys, refresh, proxy, expires]),
    }
  })
}

function endOf(expires: unknown, at: string): number {
  if (expires === undefined) return Number.POSITIVE_INFINITY
  const time = typeof expires === 'string' ? Date.parse(expires) : expires
  if (typeof time !== 'number' || Number.isNaN(time) || time < 1e11) {
    throw new TypeError(`${at}.expires must be an ISO date or epoch milliseconds; got ${typeof expires}`)
  }
  return time
}

function readerOf(keys: readonly string[]): (key: string) => boolean {
  const names = new Set(keys.filter((key) => !key.endsWith('*')))
  const beginnings = keys.filter((key) => key.endsWith('*')).map((key) => key.slice(0, -1))
  return (key) => names.has(key) || beginnings.some((beginning) => key.startsWith(beginning))
}
