// Passes calls of the other paths on to the platform, with the valid token in the place of the
// client's.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { DEAD_TOKEN_CODES } from '../../core/shared/upstream/dead-token-codes.js'
import { onDisconnect } from '../http/request-context.js'
import type { Exchange } from '../http/route.js'
import { readCurrent, type ServedAccount } from './account.js'
import { refuse } from './errors.js'
import { type IssuedTokens, namesOf } from './issued-tokens.js'
import { type BodyLimits, type ProxiedBody, readProxiedBody } from './proxy-body.js'
import { type ProxyTarget, parseTarget } from './proxy-target.js'
import type { TokenProbe } from './token-probe.js'
import { forwardedHeaders, sendUpstream, UnreachableError } from './upstream-request.js'

export interface ProxyLimits extends BodyLimits {
  /** Milliseconds without a byte from or to the platform. Default 30000. */
  idle: number
  /** Milliseconds for a whole call. Default 120000. */
  total: number
  /** Calls at a time. Default 64. */
  concurrent: number
}

const KIB = 1024

export const DEFAULT_PROXY_LIMITS: ProxyLimits = {
  body: 10 * KIB * KIB,
  unmeasured: KIB * KIB,
  repeatable: 64 * KIB,
  idle: 30_000,
  total: 120_000,
  concurrent: 64,
}

const DEFAULT_BASE_URL = 'https://api.weixin.qq.com'

/** An answer is read up to this length to find an errcode; a refusal is far shorter. */
const MAX_INSPECTED_BYTES = 64 * KIB

/**
 * The headers of a request that are passed on. Not among them is what identifies the client here:
 * authorization, cookie, and where the request came from.
 */
const FORWARDED_REQUEST_HEADERS = ['accept', 'accept-language', 'content-type', 'range', 'user-agent']

const DEAD_TOKEN_ERRCODES = new Set<unknown>(DEAD_TOKEN_CODES)

interface ProxiedCall {
  exchange: Exchange
  account: ServedAccount
  target: ProxyTarget
  body: ProxiedBody
  signal: AbortSignal
}

interface PlatformResponse {
  message: IncomingMessage
  /** The part of the body that was read, and whether it is all of it. */
  head: Buffer
  isWhole: boolean
  /** The token of the call. */
  token: string
}

/** Reads the body for as long as it may be a refusal. */
async function readHead(message: IncomingMessage): Promise<{ head: Buffer; isWhole: boolean }> {
  let head = Buffer.alloc(0)
  for await (const chunk of message.iterator({ destroyOnReturn: false })) {
    head = Buffer.concat([head, chunk as Buffer])
    // The content-type does not help: the platform sends JSON as text/plain.
    const mayBeRefusal = head.length <= MAX_INSPECTED_BYTES && /^\s*({|$)/.test(head.toString('latin1', 0, 64))
    if (!mayBeRefusal) return { head, isWhole: false }
  }
  return { head, isWhole: true }
}

function reportsDeadToken({ message, head, isWhole }: PlatformResponse): boolean {
  if (!isWhole || message.statusCode !== 200) return false
  try {
    return DEAD_TOKEN_ERRCODES.has((JSON.parse(head.toString('utf8')) as { errcode?: unknown } | null)?.errcode)
  } catch {
    return false
  }
}

function requestHeaders({ exchange: { request }, body }: ProxiedCall): Record<string, string> {
  const forwarded = FORWARDED_REQUEST_HEADERS.flatMap((name) => {
    const value = request.headers[name]
    return typeof value === 'string' ? [[name, value] as const] : []
  })
  const length = 'length' in body ? body.length : body.kept?.length
  return {
    ...Object.fromEntries(forwarded),
    // The proxy must be able to read the answer.
    'accept-encoding': 'identity',
    ...(length === undefined ? {} : { 'content-length': String(length) }),
  }
}

async function sendResponse(response: ServerResponse, platform: PlatformResponse, signal: AbortSignal): Promise<void> {
  const { message, head, isWhole } = platform
  response.writeHead(message.statusCode ?? 502, forwardedHeaders(message))
  if (isWhole) return void response.end(head)
  response.write(head)
  // An answer that breaks off must not look complete. `pipeline` then cuts the connection.
  await pipeline(message, response, { signal }).catch(() => response.destroy())
}

export interface ProxyParts {
  issued: IssuedTokens
  probe: TokenProbe
  limits: ProxyLimits
}

export function createProxy({ issued, probe, limits }: ProxyParts) {
  let running = 0

  /** The account of a call. All clients that hold the same token are indistinguishable here. */
  function authorize({ logDetails = {} }: Exchange, { accessToken }: ProxyTarget): ServedAccount {
    const { account, clients } = issued.holdersOf(accessToken) ?? refuse(40001)
    Object.assign(logDetails, { client: namesOf(clients), key: account.wx.accessToken.key })
    if (!clients.some((client) => client.mayProxy))
      refuse(48001, 'calls through this server need `"proxy": true` in the entry of the client')
    return account
  }

  async function callPlatform(call: ProxiedCall): Promise<PlatformResponse> {
    const { exchange, account, target, body, signal } = call
    const token = (await readCurrent(account.wx.accessToken)).value
    // The client may have been revoked during the fetch.
    authorize(exchange, target)
    const query = `access_token=${encodeURIComponent(token)}${target.query && `&${target.query}`}`
    const message = await sendUpstream({
      baseUrl: account.baseUrl ?? DEFAULT_BASE_URL,
      method: exchange.request.method ?? 'GET',
      path: `${target.path}?${query}`,
      headers: requestHeaders(call),
      body: 'length' in body ? exchange.request : body.kept,
      idleTimeoutMs: limits.idle,
      signal,
    })
    return { message, ...(await readHead(message)), token }
  }

  /** Calls the platform, and once more if the token is dead and could be replaced. */
  async function callWithRetry(call: ProxiedCall): Promise<PlatformResponse> {
    const platform = await callPlatform(call)
    if (!reportsDeadToken(platform)) return platform
    const { accessToken } = call.account.wx
    if (accessToken.peek()?.value === platform.token) await probe.report(call.account, 'platform')
    const isReplaced = accessToken.peek()?.value !== platform.token
    return isReplaced && !('length' in call.body) ? callPlatform(call) : platform
  }

  async function handle(exchange: Exchange): Promise<void> {
    const { request, response } = exchange
    const target = parseTarget(request.url ?? '')
    const account = authorize(exchange, target)
    // The signal of the exchange also aborts at a shutdown. A call under way is finished then,
    // because it may have acted already.
    const disconnected = new AbortController()
    const stopListening = onDisconnect(request, response, () => disconnected.abort())
    const timeout = AbortSignal.timeout(limits.total)
    const signal = AbortSignal.any([disconnected.signal, timeout])
    try {
      const body = await readProxiedBody(request, limits)
      const platform = await callWithRetry({ exchange, account, target, body, signal })
      await sendResponse(response, platform, signal)
    } catch (error) {
      if (disconnected.signal.aborted) return void response.destroy()
      if (timeout.aborted) return refuse(-1, 'no answer in time', 504)
      if (error instanceof UnreachableError || isConnectionCut(error)) {
        return refuse(-1, 'the platform cannot be reached', 502)
      }
      throw error
    } finally {
      stopListening()
    }
  }

  return async (exchange: Exchange): Promise<void> => {
    if (running >= limits.concurrent) refuse(-1, 'too many calls at once', 503)
    running += 1
    try {
      await handle(exchange)
    } finally {
      running -= 1
    }
  }
}

/** Returns whether a connection ended in the middle of a message. */
function isConnectionCut(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ABORT_ERR'
}
