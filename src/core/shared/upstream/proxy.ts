/**
 * The proxy of the environment, as curl and other programs read it. This file says which proxy a
 * request goes through; it sends nothing.
 */

export interface ProxyVariables {
  /** For `http:` URLs. */
  httpProxy: string | undefined
  /** For `https:` URLs. */
  httpsProxy: string | undefined
  /** Hosts that are reached directly. */
  noProxy: string
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/i

/** The first variable that is set and not empty. */
const firstOf = (...names: string[]): string | undefined =>
  names.map((name) => process.env[name]?.trim()).find((value) => value !== undefined && value !== '')

/** Many people write the host and the port only, as curl allows. */
const withScheme = (url: string | undefined): string | undefined =>
  url === undefined || url.includes('://') ? url : `http://${url}`

/**
 * What the environment says of a request. `undefined`: no proxy is set, or the URL is on this
 * machine, which a proxy elsewhere would not reach.
 */
export function proxyVariables(url: string): ProxyVariables | undefined {
  const httpProxy = withScheme(firstOf('http_proxy', 'HTTP_PROXY'))
  const httpsProxy = withScheme(firstOf('https_proxy', 'HTTPS_PROXY'))
  if ((httpProxy === undefined && httpsProxy === undefined) || LOOPBACK.test(new URL(url).hostname)) return undefined
  return { httpProxy, httpsProxy, noProxy: firstOf('no_proxy', 'NO_PROXY') ?? '' }
}
