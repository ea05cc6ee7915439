// One request to the platform, streamed. Redirects are not followed; an error of the HTTP client never leaves this file, because the
// path carries the token.
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { pipeline } from 'node:stream/promises'

export interface Forwarded {
  /** Of the account; the only thing that says where the request goes. */
  baseUrl: string
  method: string
  /** With the query: a secret. */
  path: string
  headers: Record<string, string>
  /** A stream needs a content-length among the headers: the platform answers 412 without. */
  body: Buffer | IncomingMessage | undefined
  /** Milliseconds without a byte on the connection. */
  idle: number
  signal: AbortSignal
}

/** No clear answer; holds nothing of the request. */
export class Unreachable extends Error {}

const agents = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) }

/** Headers that are about one connection, or about who somebody is here. */
const OWN = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'set-cookie', 'alt-svc', 'strict-transport-security'],
])

/** The answer's headers as a client gets them. */
export function answerHeaders({ headers }: IncomingMessage): Record<string, string | string[]> {
  const named = (headers.connection ?? '').toLowerCase().split(/\s*,\s*/)
  const through = Object.entries(headers).filter(([name]) => !OWN.has(name) && !named.includes(name))
  return Object.fromEntries(through) as Record<string, string | string[]>
}

/** @param fresh over a connection of its own. */
function once({ baseUrl, method, path, headers, body, idle, signal }: Forwarded, fresh = false): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const base = new URL(baseUrl)
    const [client, agent] = base.protocol === 'https:' ? [https, agents.https] : [http, agents.http]
    const full = `${base.pathname.replace(/\/+$/, '')}${path}`
    const request = client.request(base, { method, path: full, headers, agent: !fresh && agent, signal })
    request.setTimeout(idle, () => request.destroy())
    request.once('response', resolve)
    // Also without an answer and without an error: where the platform's way wants to go on with another protocol.
    request.once('close', () => reject(new Unreachable('the platform gave no answer')))
    request.on('error', (error: NodeJS.ErrnoException) => {
      reject(Object.assign(new Unreachable('the platform cannot be reached'), { again: isLateClose(error) && !body }))
    })
    const isLateClose = (error: NodeJS.ErrnoException) => request.reusedSocket && error.code === 'ECONNRESET'
    if (body === undefined || Buffer.isBuffer(body)) request.end(body)
    // An upload that breaks is an error of the request, and one that the platform does not want to read to its end is answered.
    else pipeline(body, request).catch(() => request.destroy())
  })
}

/** @throws Unreachable */
export async function forward(request: Forwarded): Promise<IncomingMessage> {
  try {
    return await once(request)
  } catch (error) {
    // The platform closed the connection while it was idle, and never saw the request.
    if ((error as { again?: boolean }).again && request.method === 'GET' && !request.signal.aborted) return once(request, true)
    throw error
  }
}
