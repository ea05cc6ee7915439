/**
 * A request as the handlers of the paths see it, and the checks that several paths share. The
 * checks run in the order of the real platform.
 */
import type { AccountState, Standing } from './account.js'
import { refuse } from './refusal.js'
import type { RequestLog } from './request-log.js'
import type { Rules } from './rules.js'

export interface FakeRequest {
  method: string
  path: string
  query: URLSearchParams
  body: string
  /** The body of a form, as it came. */
  bytes?: Buffer
  contentType?: string
  /** The address of the caller, as whitelists and the text of 40164 see it. */
  ip: string
  /** The request came over HTTPS, or a proxy says so. */
  isHttps?: boolean
}

/** How many requests each endpoint got, and what came of them. */
export interface Counts {
  /** Requests to the classic token endpoint, served or refused. */
  token: number
  /** Requests to stable_token, served or refused. */
  stable: number
  /** Forced refreshes that made a new stable token. */
  forced: number
  /** Requests to getticket. */
  ticket: number
  /** Business calls. */
  call: number
  /** Requests to the paths about quotas and request ids. */
  quota: number
  /** Requests to api_component_token. */
  component: number
  /** Requests to api_authorizer_token. */
  authorizer: number
  /** Requests refused for a dead token (40001, 40014, 42001). */
  rejected: number
  /** Classic tokens made. Each one replaced the one before. */
  rotated: number
  /** Stable tokens made, by forced refreshes or otherwise. */
  stableRotated: number
  /** Requests to unknown paths. */
  unknown: number
}

/** A request, and everything its handler may use. */
export interface HandlerContext {
  readonly request: FakeRequest
  /** The platform's time at which the request came, in epoch milliseconds. */
  readonly now: number
  readonly rules: Rules
  /** By AppID. */
  readonly accounts: ReadonlyMap<string, AccountState>
  readonly count: Counts
  readonly log: RequestLog
  /** The classic endpoint returns its newest token, alive or dead, instead of a new one. */
  readonly sameToken: boolean
  /** The account of the request, as soon as it is known. */
  appId: string | undefined
}

export type JsonObject = Record<string, unknown>

/** A response that is no JSON, such as a QR code. */
export class FileResponse {
  constructor(
    readonly type: string,
    readonly bytes: Buffer,
    /** Offered as an attachment of this name. */
    readonly filename?: string,
  ) {}
}

const STANDING_ERRCODES: Readonly<Record<Standing, number>> = {
  good: 0,
  'secret-frozen': 40243,
  punished: 50004,
  limited: 50002,
  frozen: 50007,
}

/**
 * The account of a request that carries an AppSecret.
 *
 * @param asksForToken the request is for a token; a punished account may make all others
 * @throws ErrcodeRefusal for the first check that fails.
 */
export function authenticateBySecret(
  context: HandlerContext,
  appId: string | undefined,
  secret: string | undefined,
  asksForToken: boolean,
): AccountState {
  const { ip } = context.request
  const account = context.accounts.get(appId || refuse(41002)) ?? refuse(40013)
  context.appId = account.appId
  const { standing } = account
  if (standing !== 'good' && (asksForToken || standing !== 'punished')) refuse(STANDING_ERRCODES[standing])
  if (!account.isWhitelisted(ip)) refuse(40164)
  const errcode = account.ipConfirmation.check(ip, context.now, secret === account.appSecret)
  if (errcode !== 0) refuse(errcode)
  if (!secret) refuse(41004)
  if (secret !== account.appSecret) refuse(40125)
  return account
}

/**
 * The account of a request that carries a token. The whitelist is checked for official accounts
 * only.
 *
 * @throws ErrcodeRefusal for a missing or dead token, a limited account or an unlisted address.
 */
export function authenticateByToken(context: HandlerContext): AccountState {
  const token = context.request.query.get('access_token') ?? undefined
  let refusal = 0
  for (const account of context.accounts.values()) {
    const errcode = account.checkToken(token, context.now)
    if (errcode === 0 || errcode === 40014 || errcode === 42001) context.appId = account.appId
    if (errcode === 0) {
      if (account.standing === 'limited') refuse(50002)
      if (account.kind === 'official' && !account.isWhitelisted(context.request.ip)) refuse(40164)
      return account
    }
    // Only the token's own account says 42001 or 40014. All others say that they do not know it.
    if (refusal !== 42001 && refusal !== 40014) refusal = errcode
  }
  if (refusal !== 41001) context.count.rejected += 1
  return refuse(refusal)
}

/**
 * Counts one call of the path.
 *
 * @throws ErrcodeRefusal 45009 if the quota of the day is used up.
 */
export function takeDailyQuota(context: HandlerContext, account: AccountState): void {
  if (!account.dailyQuota(context.request.path).take(context.now)) refuse(45009)
}
