/** Checks what the user gave. The token's value is in no message. */

export interface RemoteStoreOptions {
  /** Where the server is: `https://host:port`, or `http://` on this machine or behind a proxy that encrypts. */
  url?: string
  /** The server's unix socket, instead of `url`. */
  socketPath?: string
  /** This client's token. A server on a unix socket may want none. */
  token?: string
  /** Certificates to trust beside the system's, as PEM: for a server with its own. */
  ca?: string | Buffer
}

export interface Target {
  isSecure: boolean
  /** Of node:http's `request`. */
  where: { socketPath: string } | { hostname: string; port: string }
  /** Put before each path: where a proxy has the server below a path. */
  base: string
  /** For messages. */
  place: string
  token: string | undefined
  ca: string | Buffer | undefined
}

const KNOWN = ['url', 'socketPath', 'token', 'ca']

/** @throws TypeError for the first option that is wrong. */
export function targetOf(options: RemoteStoreOptions): Target {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`remoteStore wants an object: { url, token } or { socketPath }; got ${kindOf(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (!KNOWN.includes(name)) throw new TypeError(`unknown option "${name}"; there are ${KNOWN.join(', ')}`)
  }
  const { url, socketPath, token, ca } = options
  if ((url === undefined) === (socketPath === undefined)) throw new TypeError('give either url or socketPath')
  if (token !== undefined && (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))) {
    throw new TypeError(`token must be a string of printable characters without spaces; got ${kindOf(token)}`)
  }
  if (ca !== undefined && typeof ca !== 'string' && !Buffer.isBuffer(ca)) {
    throw new TypeError(`ca must be certificates as PEM; got ${kindOf(ca)}`)
  }
  if (socketPath !== undefined) {
    if (typeof socketPath !== 'string' || socketPath === '') {
      throw new TypeError(`socketPath must be the path of a socket; got ${kindOf(socketPath)}`)
    }
    return { isSecure: false, where: { socketPath }, base: '', place: socketPath, token, ca }
  }
  return { ...placeOf(url), token, ca }
}

function placeOf(value: unknown): Pick<Target, 'isSecure' | 'where' | 'base' | 'place'> {
  const rule = 'url must be an http(s) URL without user, query and fragment'
  if (typeof value !== 'string' || !URL.canParse(value)) throw new TypeError(`${rule}; got ${kindOf(value)}`)
  const { protocol, hostname, port, pathname, username, password, search, hash, origin } = new URL(value)
  const isBare = username === '' && password === '' && search === '' && hash === ''
  // What stands there may be a password.
  if (!isBare || !/^https?:$/.test(protocol)) throw new TypeError(`${rule}; got one with more, or of another kind`)
  const isSecure = protocol === 'https:'
  const where = { hostname: hostname.replace(/^\[|\]$/g, ''), port: port || (isSecure ? '443' : '80') }
  return { isSecure, where, base: pathname.replace(/\/+$/, ''), place: origin }
}

const kindOf = (value: unknown): string => (value === null ? 'null' : typeof value)
