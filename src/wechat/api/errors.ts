// The one error of dotdog/wechat. Its texts are built here and nowhere else, from parts that hold
// no URL query. What comes from the platform is redacted first, because an errmsg may repeat what
// was sent.
import { isIP } from 'node:net'
import { redactUpstreamText } from '../../core/shared/upstream/upstream-text.js'
import { factOf, secondsUntil } from './errcode-facts.js'
import type { ErrorKind } from './error-table.js'

export interface WeChatErrorFields {
  code: string
  kind: ErrorKind
  hint: string
  hintZh: string
  path: string
  appId: string
  errcode?: number
  errmsg?: string
  rid?: string
  ip?: string
  retryAfter?: number
  key?: string
  retryAt?: number
  cause?: unknown
}

/**
 * The platform answered with an errcode, or there was no response that could be understood. The
 * error holds no AppSecret, no token and no URL query.
 *
 * @example
 * try {
 *   await wx.call('/cgi-bin/user/info', { query: { openid } })
 * } catch (error) {
 *   if (error instanceof WeChatError && error.kind === 'quota') retryIn(error.retryAfter)
 *   else throw error
 * }
 */
export class WeChatError extends Error {
  /**
   * Stable: `WECHAT_<errcode>`; without an errcode `WECHAT_TRANSPORT`, `WECHAT_TIMEOUT` or
   * `WECHAT_ABORTED`.
   */
  readonly code: string
  /** What may help; see {@link ErrorKind}. */
  readonly kind: ErrorKind
  /** What a person can do about it, in English. The message contains it. */
  readonly hint: string
  /** The same in Chinese. */
  readonly hintZh: string
  /** The path that was called, without its query. */
  readonly path: string
  /** The account. */
  readonly appId: string
  /** `undefined` if the response had none. */
  readonly errcode: number | undefined
  /** The platform's text, redacted. Empty if there was none. */
  readonly errmsg: string
  /** The id of the request. WeChat keeps it in its log for seven days. */
  readonly rid: string | undefined
  /**
   * The caller's address as the platform saw it, if its text names one. This is the address to put
   * into the whitelist.
   */
  readonly ip: string | undefined
  /**
   * Seconds until asking again makes sense. `undefined` if no moment is known: the usual back-off
   * applies.
   */
  readonly retryAfter: number | undefined
  /** The key whose value could not be got, or with whose value the platform was called. */
  readonly key: string | undefined
  /** Epoch milliseconds until which no process asks for the value of `key` again. */
  readonly retryAt: number | undefined

  constructor(message: string, fields: WeChatErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = fields.code
    this.kind = fields.kind
    this.hint = fields.hint
    this.hintZh = fields.hintZh
    this.path = fields.path
    this.appId = fields.appId
    this.errcode = fields.errcode
    this.errmsg = fields.errmsg ?? ''
    this.rid = fields.rid
    this.ip = fields.ip
    this.retryAfter = fields.retryAfter
    this.key = fields.key
    this.retryAt = fields.retryAt
  }

  /**
   * The same as plain JSON: the `details` of the `DogError` that every process gets for a failed fetch. The texts
   * come last, because a long text is cut.
   */
  get details(): Readonly<Record<string, unknown>> {
    const { code, kind, errcode, path, appId, rid, ip, hint, hintZh, errmsg } = this
    return { code, kind, errcode, path, appId, rid, ip, hint, hintZh, errmsg }
  }
}
// A literal, because a minifier may rename the class.
Object.defineProperty(WeChatError.prototype, 'name', { value: 'WeChatError', configurable: true, writable: true })

/** What an error says of its request, and what it must not repeat. */
export interface CallContext {
  path: string
  appId: string
  /** Whether the request carried the AppSecret. */
  credential: boolean
  /** The AppSecret and the token of the request. */
  secrets: readonly string[]
}

// "… rid: 5f4209f0-7f8ba635-761eb215"; the /sns paths put a comma before it.
const RID_PATTERN = /,? *rid: *([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8})\b/

function ipOf(errmsg: string): string | undefined {
  const ip = /\bip ([0-9a-f.:]+)/i.exec(errmsg)?.[1]
  return ip !== undefined && isIP(ip) ? ip : undefined
}

/** The error for a response with an errcode. `now` is in epoch milliseconds. */
export function errcodeError(errcode: number, rawErrmsg: unknown, context: CallContext, now: number): WeChatError {
  const errmsg = redactUpstreamText(typeof rawErrmsg === 'string' ? rawErrmsg : '', context.secrets)
  const fact = factOf(errcode, context.credential)
  const ip = ipOf(errmsg)
  const hint = fact.hint.replace('{ip}', ip ?? "this machine's public IP")
  const text = errmsg.replace(RID_PATTERN, '').trim()
  // The hint comes first: a person needs it most, and a long message is cut.
  return new WeChatError(`WeChat answered ${errcode} to ${context.path}. ${hint}${text === '' ? '' : ` (${text})`}`, {
    code: `WECHAT_${errcode}`,
    kind: fact.kind,
    hint,
    hintZh: fact.hintZh.replace('{ip}', ip ?? '本机的公网 IP'),
    path: context.path,
    appId: context.appId,
    errcode,
    errmsg,
    rid: RID_PATTERN.exec(errmsg)?.[1],
    ip,
    retryAfter: fact.retry === undefined ? undefined : secondsUntil(fact.retry, now),
  })
}

const TRANSPORT_HINT = 'Try again in a moment. If the error stays, check the network, any proxy in between, and baseUrl.'
const TRANSPORT_HINT_ZH = '请稍后重试；若持续出现，请检查网络、中间的代理以及 baseUrl。'

/**
 * The error if there was no response, or one that cannot be understood.
 *
 * @param problem one of our own sentences, never upstream text
 */
export function transportError(problem: string, context: CallContext, code = 'WECHAT_TRANSPORT'): WeChatError {
  const { path, appId } = context
  return new WeChatError(`WeChat ${path}: ${problem}. ${TRANSPORT_HINT}`, {
    code,
    kind: 'transient',
    hint: TRANSPORT_HINT,
    hintZh: TRANSPORT_HINT_ZH,
    path,
    appId,
  })
}
