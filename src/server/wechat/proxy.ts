// Every other path of the platform: passed on with the valid token in the place of the client's, for who may.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { whenGone } from '../http/disconnect.js'
import type { Exchange } from '../http/route.js'
import { currentOf, type ServedAccount } from './account.js'
import { refuse } from './errors.js'
import type { Handouts } from './issued-tokens.js'
import { type Body, type BodyLimits, bodyOf } from './proxy-body.js'
import { type Target, targetOf } from './proxy-target.js'
import type { Probe } from './token-probe.js'
import { answerHeaders, forward, Unreachable } from './upstream-request.js'

export interface ProxyLimits extends BodyLimits {
  /** Milliseconds without a byte from or to the platform. */
  idle: number
  /** Milliseconds for all of a call. */
  total: number
  /** Calls at once. */
  concurrent: number
}

const KIB = 1024

export const proxyLimits: ProxyLimits = {
  ...{ body: 10 * KIB * KIB, unmeasured: KIB * KIB, repeatable: 64 * KIB },
  ...{ idle: 30_000, total: 120_000, concurrent: 64 },
}

/** Bytes of an answer that is looked at; a refusal is far shorter. */
const LONGEST_REFUSAL = 64 * KIB

/** What of a request's headers goes on. Not what says who the client is here: authorization, cookie, and where it came from. */
const PASSED = ['accept', 'accept-language', 'content-type', 'range', 'user-agent']

const DEAD = new Set<unknown>([40001, 40014, 42001])

interface Call {
  exchange: Exchange
  account: ServedAccount
  target: Target
  body: Body
  signal: AbortSignal
}

interface Answer {
  message: IncomingMessage
  /** What has been read of its body, and whether that is all. */
  head: Buffer
  whole: boolean
  /** The token that it was asked with. */
  token: string
}

/** Reads on for as long as it may be a refusal. */
async function beginningOf(message: IncomingMessage): Promise<{ head: Buffer; whole: boolean }> {
  let head = Buffer.alloc(0)
  for await (const chunk of message.iterator({ destroyOnReturn: false })) {
    head = Buffer.concat([head, chunk as Buffer])
    // The content type says nothing: the platform sends JSON as text/plain.
    if (head.length > LONGEST_REFUSAL || !/^\s*({|$)/.test(head.toString('latin1', 0, 64))) return { head, whole: false }
  }
  return { head, whole: true }
}

function saysDead({ message, head, whole }: Answer): boolean {
  if (!whole || message.statusCode !== 200) return false
  try {
    return DEAD.has((JSON.parse(head.toString('utf8')) as { errcode?: unknown } | null)?.errcode)
  } catch {
    return false
  }
}

function headersOf({ exchange: { request }, body }: Call): Record<string, string> {
  const passed = PASSED.flatMap((name) => {
    const value = request.headers[name]
    return typeof value === 'string' ? [[name, value] as const] : []
  })
  const length = 'length' in body ? body.length : body.kept?.length
  // An answer has to be readable here.
  const own = { 'accept-encoding': 'identity', ...(length === undefined ? {} : { 'content-length': String(length) }) }
  return { ...Object.fromEntries(passed), ...own }
}

async function send(response: ServerResponse, { message, head, whole }: Answer, signal: AbortSignal): Promise<void> {
  response.writeHead(message.statusCode ?? 502, answerHeaders(message))
  if (whole) return void response.end(head)
  response.write(head)
  // One that breaks off must not look like a whole one: the connection is cut, which pipeline does.
  await pipeline(message, response, { signal }).catch(() => response.destroy())
}

export interface ProxyParts {
  handouts: Handouts
  probe: Probe
  limits: ProxyLimits
}

export function createProxy({ handouts, probe, limits }: ProxyParts) {
  let running = 0

  /** All who hold a token look the same here. */
  function admit({ accessToken }: Target): ServedAccount {
    const { account, clients } = handouts.holdersOf(accessToken) ?? refuse(40001)
    if (!clients.some((client) => client.mayProxy)) refuse(48001, 'this client may not call through the server')
    return account
  }

  async function ask(call: Call): Promise<Answer> {
    const { exchange, account, target, body, signal } = call
    const token = (await currentOf(account.wx.accessToken)).value
    // It may have taken a fetch: time enough to revoke a client.
    admit(target)
    const query = `access_token=${encodeURIComponent(token)}${target.rest && `&${target.rest}`}`
    const message = await forward({
      baseUrl: account.baseUrl ?? 'https://api.weixin.qq.com',
      method: exchange.request.method ?? 'GET',
      path: `${target.path}?${query}`,
      headers: headersOf(call),
      body: 'length' in body ? exchange.request : body.kept,
      idle: limits.idle,
      signal,
    })
    return { message, ...(await beginningOf(message)), token }
  }

  /** Asks; and if the token turns out to be dead and another one is to be had, once more. */
  async function insist(call: Call): Promise<Answer> {
    const answer = await ask(call)
    if (!saysDead(answer)) return answer
    const { accessToken } = call.account.wx
    if (accessToken.peek()?.value === answer.token) await probe.report(call.account, 'platform')
    const isReplaced = accessToken.peek()?.value !== answer.token
    return isReplaced && !('length' in call.body) ? ask(call) : answer
  }

  async function pass(exchange: Exchange): Promise<void> {
    const { request, response } = exchange
    const target = targetOf(request.url ?? '')
    const account = admit(target)
    // Not the exchange's signal: a call under way is finished when the server shuts down, as nobody knows whether it has acted.
    const gone = new AbortController()
    const unhear = whenGone(request, response, () => gone.abort())
    const timeout = AbortSignal.timeout(limits.total)
    const signal = AbortSignal.any([gone.signal, timeout])
    try {
      const body = await bodyOf(request, limits)
      const answer = await insist({ exchange, account, target, body, signal })
      await send(response, answer, signal)
    } catch (error) {
      if (gone.signal.aborted) return void response.destroy()
      if (timeout.aborted) return refuse(-1, 'no answer in time', 504)
      throw error instanceof Unreachable || isCut(error) ? refuse(-1, 'the platform cannot be reached', 502) : error
    } finally {
      unhear()
    }
  }

  return async (exchange: Exchange): Promise<void> => {
    if (running >= limits.concurrent) refuse(-1, 'too many calls at once', 503)
    running += 1
    try {
      await pass(exchange)
    } finally {
      running -= 1
    }
  }
}

/** A connection that ended in the middle of something. */
function isCut(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ABORT_ERR'
}
