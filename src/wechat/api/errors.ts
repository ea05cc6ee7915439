// The one error of dotdog/wechat. Its texts are built here and nowhere else, from parts that hold no URL query; what comes
// from the upstream is redacted first, because an errmsg may echo what was sent.
import { isIP } from 'node:net'
import { factOf, secondsUntil } from './error-codes.js'
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
}

/**
 * The platform refused, or could not be understood. Holds no AppSecret, no token and no URL query.
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
  /** Stable: `WECHAT_<errcode>`, or `WECHAT_TRANSPORT`, `WECHAT_TIMEOUT`, `WECHAT_ABORTED` where there was no errcode. */
  readonly code: string
  /** What may help; see {@link ErrorKind}. */
  readonly kind: ErrorKind
  /** A thing a person can do. The message has it too. */
  readonly hint: string
  /** The same in Chinese. */
  readonly hintZh: string
  /** The path that was called, without its query. */
  readonly path: string
  /** The account. */
  readonly appId: string
  /** `undefined`: the answer had none. */
  readonly errcode: number | undefined
  /** The platform's text, redacted; empty where there was none. */
  readonly errmsg: string
  /** The request's id, by which WeChat finds it in its log for seven days. */
  readonly rid: string | undefined
  /** The address that the platform saw, where it tells: the one to put into the whitelist. */
  readonly ip: string | undefined
  /** Seconds to stay away. `undefined`: no moment is known, back off as usual. */
  readonly retryAfter: number | undefined

  constructor(message: string, fields: WeChatErrorFields) {
    super(message)
    this.name = 'WeChatError'
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
  }
}

/** Where an answer came from, and what must not be repeated from it. */
export interface Origin {
  path: string
  appId: string
  /** Whether the request carried the AppSecret. */
  credential: boolean
  /** The AppSecret and the token of the request. */
  secrets: readonly string[]
}

/** Longer texts are cut: a message is for a person. */
const LONGEST = 300

/** Replaces every secret, plain or URL-encoded. Cut last: half a secret would no longer be recognised. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text
  for (const secret of secrets) {
    if (secret === '') continue
    clean = clean.replaceAll(secret, '***').replaceAll(encodeURIComponent(secret), '***')
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a text from outside must not write lines into a log
  return clean.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, LONGEST)
}

// "… rid: 5f4209f0-7f8ba635-761eb215"; the /sns paths put a comma before it.
const RID = /,? *rid: *([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8})\b/

function ipOf(errmsg: string): string | undefined {
  const ip = /\bip ([0-9a-f.:]+)/i.exec(errmsg)?.[1]
  return ip !== undefined && isIP(ip) ? ip : undefined
}

/** The error for an answer that has an errcode. `now`: epoch milliseconds. */
export function refusal(errcode: number, rawErrmsg: unknown, origin: Origin, now: number): WeChatError {
  const errmsg = redact(typeof rawErrmsg === 'string' ? rawErrmsg : '', origin.secrets)
  const fact = factOf(errcode, origin.credential)
  const ip = ipOf(errmsg)
  const hint = fact.hint.replace('{ip}', ip ?? "this machine's public IP")
  const text = errmsg.replace(RID, '').trim()
  // The hint comes first: a failure is shared between processes in its first 200 characters.
  return new WeChatError(`WeChat answered ${errcode} to ${origin.path}. ${hint}${text === '' ? '' : ` (${text})`}`, {
    code: `WECHAT_${errcode}`,
    kind: fact.kind,
    hint,
    hintZh: fact.hintZh.replace('{ip}', ip ?? '本机的公网 IP'),
    path: origin.path,
    appId: origin.appId,
    errcode,
    errmsg,
    rid: RID.exec(errmsg)?.[1],
    ip,
    retryAfter: fact.retry === undefined ? undefined : secondsUntil(fact.retry, now),
  })
}

const TRANSPORT_HINT = 'Try again in a moment; if it stays, check the network, a proxy in between, and baseUrl.'
const TRANSPORT_HINT_ZH = '请稍后重试；若持续出现，请检查网络、中间的代理以及 baseUrl。'

/** The error for no answer, or one that cannot be understood. `what` is one of our own sentences, never upstream text. */
export function transportError(what: string, origin: Origin, code = 'WECHAT_TRANSPORT'): WeChatError {
  const { path, appId } = origin
  return new WeChatError(`WeChat ${path}: ${what}. ${TRANSPORT_HINT}`, {
    code,
    kind: 'transient',
    hint: TRANSPORT_HINT,
    hintZh: TRANSPORT_HINT_ZH,
    path,
    appId,
  })
}
