import { checkOptions, misuseOfSecret, type Rules, TEXT } from '../core/shared/validate.js'

/** Checks what the user gave. No message shows the URL or the token. */

export interface RemoteStoreOptions {
  /**
   * The server: `https://host:port`, or `http://` on this machine or behind a proxy that encrypts.
   * Either this or `socketPath`.
   */
  url?: string
  /** The path of the server's unix socket. Either this or `url`. */
  socketPath?: string
  /** This client's token. A server on a unix socket may need none. */
  token?: string
  /**
   * Certificates to trust beside the system's, as PEM: for a server with a certificate of its own.
   */
  ca?: string | Buffer
}

/** Where and how the server is reached. */
export interface Target {
  isSecure: boolean
  /** The options for `request` of node:http. */
  address: { socketPath: string } | { hostname: string; port: string }
  /** Put before each path, for a server that a proxy offers below a path. */
  basePath: string
  /** For messages. */
  endpoint: string
  token: string | undefined
  ca: string | Buffer | undefined
}

const URL_RULE = 'must be an http(s) URL without user, query and fragment'

const RULES: Rules = {
  // Beside what the rule wants, it may contain a password.
  url: { test: (value: unknown) => typeof value === 'string' && URL.canParse(value), rule: URL_RULE, isSecret: true },
  socketPath: { ...TEXT, rule: 'must be the path of a socket' },
  token: {
    test: (value: unknown) => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value),
    rule: 'must be a string of printable characters without spaces',
    isSecret: true,
  },
  // A private key may be given here by mistake.
  ca: {
    test: (value: unknown) => typeof value === 'string' || Buffer.isBuffer(value),
    rule: 'must be certificates as PEM',
    isSecret: true,
  },
}

/** @throws TypeError for the first option that is wrong or unknown. */
export function targetOf(options: RemoteStoreOptions): Target {
  const { url, socketPath, token, ca } = checkOptions<RemoteStoreOptions>('remoteStore', options, RULES)
  if (url !== undefined && socketPath === undefined) return { ...addressOf(url), token, ca }
  if (socketPath !== undefined && url === undefined) {
    return { isSecure: false, address: { socketPath }, basePath: '', endpoint: socketPath, token, ca }
  }
  throw new TypeError(`remoteStore wants either url or socketPath; got ${url === undefined ? 'neither' : 'both'}`)
}

function addressOf(url: string): Pick<Target, 'isSecure' | 'address' | 'basePath' | 'endpoint'> {
  const { protocol, hostname, port, pathname, username, password, search, hash, origin } = new URL(url)
  const hasMore = username !== '' || password !== '' || search !== '' || hash !== ''
  if (hasMore) throw new TypeError(`url ${URL_RULE}; got one with a user, a query or a fragment`)
  if (!/^https?:$/.test(protocol)) throw misuseOfSecret('url', URL_RULE, url)
  const isSecure = protocol === 'https:'
  return {
    isSecure,
    address: { hostname: hostname.replace(/^\[|\]$/g, ''), port: port || (isSecure ? '443' : '80') },
    basePath: pathname.replace(/\/+$/, ''),
    endpoint: origin,
  }
}
