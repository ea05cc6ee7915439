// Sends one request to the platform, streamed. Redirects are not followed. An error of the HTTP
// client never leaves this file, because the path holds the token.
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { pipeline } from 'node:stream/promises'

export interface UpstreamRequest {
  /** Of the account. It alone says where the request goes. */
  baseUrl: string
  method: string
  /** With the query, so it is a secret. */
  path: string
  headers: Record<string, string>
  /** A stream needs a content-length among the headers: without one the platform answers 412. */
  body: Buffer | IncomingMessage | undefined
  /** The connection is given up after so many milliseconds without a byte. */
  idleTimeoutMs: number
  signal: AbortSignal
}

/** The platform gave no clear answer. The error holds nothing of the request. */
export class UnreachableError extends Error {
  constructor(
    message: string,
    /** The platform closed a reused connection, and never saw the request. */
    readonly isUnseen = false,
  ) {
    super(message)
  }
}

const agents = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) }

/**
 * Headers of an answer that concern one connection, or that a client would take as said by this
 * server's host.
 */
const UNFORWARDED_HEADERS = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'set-cookie', 'alt-svc', 'strict-transport-security'],
])

/** The headers of an answer that the client gets. */
export function forwardedHeaders({ headers }: IncomingMessage): Record<string, string | string[]> {
  const hopByHop = (headers.connection ?? '').toLowerCase().split(/\s*,\s*/)
  const forwarded = Object.entries(headers).filter(([name]) => !UNFORWARDED_HEADERS.has(name) && !hopByHop.includes(name))
  return Object.fromEntries(forwarded) as Record<string, string | string[]>
}

/** @param isFresh uses a new connection */
function sendOnce(upstream: UpstreamRequest, isFresh = false): Promise<IncomingMessage> {
  const { baseUrl, method, path, headers, body, idleTimeoutMs, signal } = upstream
  return new Promise((resolve, reject) => {
    const base = new URL(baseUrl)
    const [client, agent] = base.protocol === 'https:' ? [https, agents.https] : [http, agents.http]
    const fullPath = `${base.pathname.replace(/\/+$/, '')}${path}`
    const request = client.request(base, { method, path: fullPath, headers, agent: !isFresh && agent, signal })
    request.setTimeout(idleTimeoutMs, () => request.destroy())
    request.once('response', resolve)
    // Also emitted without an answer and without an error: when the platform wants to switch
    // protocols.
    request.once('close', () => reject(new UnreachableError('the platform gave no answer')))
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isUnseen = request.reusedSocket && error.code === 'ECONNRESET' && !body
      reject(new UnreachableError('the platform cannot be reached', isUnseen))
    })
    if (body === undefined || Buffer.isBuffer(body)) request.end(body)
    // An upload that breaks off is an error of the request. One that the platform does not read to
    // its end still gets an answer.
    else pipeline(body, request).catch(() => request.destroy())
  })
}

/** @throws UnreachableError */
export async function sendUpstream(request: UpstreamRequest): Promise<IncomingMessage> {
  try {
    return await sendOnce(request)
  } catch (error) {
    // The platform closed the connection while it was idle, and never saw the request.
    const isUnseen = error instanceof UnreachableError && error.isUnseen
    if (isUnseen && request.method === 'GET' && !request.signal.aborted) return sendOnce(request, true)
    throw error
  }
}
