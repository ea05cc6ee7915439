import type { KeyOptions } from 'dotdog'
import { checkHttpUrl } from '../../core/shared/upstream/http-url.js'
import { ANYTHING, checkOptions, ID, oneOf, type Rule, type Rules, required } from '../../core/shared/validate.js'
import { FetcherError, type ProviderContext } from '../lib/errors.js'
import { joinWords, PARAMETERS, POSITIVE_SECONDS, SECRET, WORDS } from '../lib/options.js'
import { type Registration, register } from '../lib/provider.js'
import { candidatesFor, type RefreshTokenValue, seedIdOf } from '../lib/refresh-family.js'
import { exchangeRefreshToken, type RefreshGrant, type RefreshOutcome } from '../lib/refresh-grant.js'
import { DEFAULT_LIFETIME_S, isRejectedBearer } from './oauth2.js'

export type { RefreshTokenValue }

/** A secret, or a function that is asked for it before each fetch. */
type SecretSource = string | (() => string | PromiseLike<string>)

export interface RefreshTokenOptions {
  /** The token endpoint. */
  tokenUrl: string
  clientId: string
  /** A secret, or a function that is asked for it before each fetch. Default: a public client, which has none. */
  clientSecret?: string | (() => string | PromiseLike<string>)
  /**
   * The refresh token of a login, or a function that returns it. It is used once. After that the
   * value has the next one. Another seed, of a later login, replaces the value, and ends a "log in
   * again".
   */
  seed: string | (() => string | PromiseLike<string>)
  /** One scope, or a list of scopes. Default: those of the login. */
  scope?: string | readonly string[]
  /** Further parameters of the request. Default: none. */
  parameters?: Record<string, string>
  /** How the secret is sent: in a header (`basic`, the default) or in the body (`post`). */
  auth?: 'basic' | 'post'
  /** The lifetime in seconds if the response does not say it. Default 300. */
  expiresIn?: number
}

const SECRET_SOURCE: Rule = {
  test: (value: unknown) => typeof value === 'function' || SECRET.test(value as never),
  rule: 'must be a non-empty string, or a function that returns one',
  isSecret: true,
}
const RULES: Rules = {
  tokenUrl: ANYTHING,
  clientId: required(ID),
  clientSecret: SECRET_SOURCE,
  seed: required(SECRET_SOURCE),
  scope: WORDS,
  parameters: PARAMETERS,
  auth: oneOf('basic', 'post'),
  expiresIn: POSITIVE_SECONDS,
}

/** A dead refresh token is asked for again after this time, in case that the server was mistaken. */
const LOGIN_RETRY_S = 86_400
/**
 * A request goes on for this time after its fetch is over: a server that rotates may have used up the
 * old token, and a late answer is kept.
 */
const LATE_ANSWER_MS = 60_000
/** A function that returns the seed is asked at most so often whether there is a new one. */
const SEED_RECHECK_MS = 5000

const LOG_IN_AGAIN =
  'log in again, and give the new refresh token as the seed or by set: this one was revoked, has expired, or was used ' +
  'elsewhere, maybe by a process that was killed before it could keep the answer'

/**
 * The access token of a user who has logged in, by a refresh token (RFC 6749 §6), also a rotating
 * one: every process uses the newest refresh token of the family, and none is used twice. The value is
 * an object, `{ access, refresh, seedId }`.
 *
 * If the server no longer accepts the refresh token (`invalid_grant`), every process is told to log in
 * again, and none asks the server for a day. `set` with a new `{ access, refresh }`, or another `seed`
 * in any process, ends that at once.
 *
 * What cannot be prevented: a process that is killed between the server's answer and the commit takes
 * the newest token with it. A server without a grace period then asks for a new login.
 *
 * @throws TypeError for an unknown or wrong option.
 * @example
 * init('STRAVA', ...refreshToken({ tokenUrl, clientId, clientSecret, seed: process.env.STRAVA_REFRESH }))
 * await use('STRAVA', ({ access }) => fetch(url, { headers: { authorization: `Bearer ${access}` } }))
 * await set('STRAVA', { access: '', refresh: 'of a new login' }, { expiresIn: 0 })
 */
export function refreshToken(client: RefreshTokenOptions, options?: KeyOptions): Registration<RefreshTokenValue> {
  const {
    clientId,
    seed,
    expiresIn = DEFAULT_LIFETIME_S,
    ...more
  } = checkOptions<RefreshTokenOptions>('refreshToken', client, RULES)
  const tokenUrl = checkHttpUrl('tokenUrl', more.tokenUrl, { allowQuery: true })
  const scope = joinWords(more.scope)
  const parameters = { ...more.parameters, ...(scope && { scope }) }
  const exchange = createExchange({
    tokenUrl,
    clientId,
    clientSecret: more.clientSecret,
    auth: more.auth ?? 'basic',
    parameters,
  })

  const fetcher: Registration<RefreshTokenValue>[0] = async ({ previous, signal }) => {
    const currentSeed = await resolveSource('seed', seed)
    let refused: Error | undefined
    const candidates = candidatesFor(previous, currentSeed)
    for (const { refresh, family } of candidates) {
      const outcome = await exchange(refresh, signal)
      if ('pair' in outcome) {
        const { access, refresh: next = refresh, expiresIn: lifetime = expiresIn } = outcome.pair
        return { value: { access, refresh: next, ...family }, expiresIn: lifetime }
      }
      refused = outcome.dead
    }
    throw loginError(refused as FetcherError, [seedIdOf(currentSeed), ...candidates.map(({ family }) => family.seedId)])
  }
  const { host, pathname } = new URL(tokenUrl)
  const identity = [`${clientId}@${host}${pathname}`.replace(/\/+$/, ''), scope].filter(Boolean).join(' ')
  return register(fetcher, { identity, credentialId: createSeedWatch(seed), isRejected: isRejectedBearer }, options)
}

interface ExchangeOptions extends Pick<RefreshTokenOptions, 'clientSecret'> {
  tokenUrl: string
  clientId: string
  auth: 'basic' | 'post'
  parameters: Readonly<Record<string, string>>
}

/** One request for one refresh token: a fetch that begins while the request of the one before is under way shares it. */
function createExchange({ tokenUrl, clientId, clientSecret, auth, parameters }: ExchangeOptions) {
  const underWay = new Map<string, Promise<RefreshOutcome>>()
  const request = async (refresh: string, signal: AbortSignal) => {
    const secret = clientSecret === undefined ? undefined : await resolveSource('clientSecret', clientSecret)
    const client: RefreshGrant['client'] = { id: clientId, auth, ...(secret === undefined ? {} : { secret }) }
    const secrets = [refresh, ...(secret === undefined ? [] : [secret, `${clientId}:${secret}`])]
    const context: ProviderContext = { provider: 'OAuth 2', secrets }
    return await exchangeRefreshToken({ tokenUrl, client, parameters }, refresh, context, signal)
  }
  return (refresh: string, signal: AbortSignal): Promise<RefreshOutcome> => {
    const shared = underWay.get(refresh)
    if (shared !== undefined) return shared
    const late = new AbortController()
    const giveUpLater = () => setTimeout(() => late.abort(signal.reason), LATE_ANSWER_MS).unref()
    signal.addEventListener('abort', giveUpLater, { once: true })
    const outcome = request(refresh, late.signal).finally(() => {
      signal.removeEventListener('abort', giveUpLater)
      underWay.delete(refresh)
    })
    underWay.set(refresh, outcome)
    return outcome
  }
}

async function resolveSource(name: string, source: SecretSource): Promise<string> {
  const secret = typeof source === 'function' ? await source() : source
  if (typeof secret === 'string' && secret.trim() !== '') return secret
  throw new TypeError(`${name} must return a non-empty string`)
}

/** Tells which seed a process has. */
function createSeedWatch(seed: SecretSource): NonNullable<KeyOptions['credentialId']> {
  if (typeof seed === 'string') return seedIdOf(seed)
  let known: { id: Promise<string>; at: number } | undefined
  return () => {
    const now = performance.now()
    if (known === undefined || now - known.at > SEED_RECHECK_MS)
      known = { id: resolveSource('seed', seed).then(seedIdOf), at: now }
    return known.id
  }
}

/** Every process gets this error, until a day is over or there is a login that it says nothing of. */
function loginError(
  { provider, status, upstreamCode, upstreamMessage }: FetcherError,
  seedIds: readonly string[],
): FetcherError {
  const said = upstreamMessage === undefined ? '' : ` (${upstreamMessage})`
  const error = new FetcherError(`${provider} refused the refresh token with ${upstreamCode}${said}: ${LOG_IN_AGAIN}`, {
    code: 'FETCHER_LOGIN',
    provider,
    status,
    upstreamCode,
    upstreamMessage,
    retryAfter: LOGIN_RETRY_S,
  })
  return Object.defineProperty(error, 'credentialIds', { value: [...new Set(seedIds)], enumerable: true })
}
