import type { KeyObject } from 'node:crypto'
import type { KeyOptions } from 'dotdog'
import { checkHttpUrl } from '../../core/shared/upstream/http-url.js'
import { ANYTHING, checkOptions, type Rules, required } from '../../core/shared/validate.js'
import { checkPrivateKey, signJwt } from '../lib/jwt.js'
import { ID_OR_NUMBER } from '../lib/options.js'
import { createFetcher, type Registration, register } from '../lib/provider.js'

export interface GitHubAppOptions {
  /** The ID of the app, or its client ID. */
  appId: string | number
  /** PEM text, as GitHub gives it. */
  privateKey: string | KeyObject
  installationId: string | number
  /** Default `https://api.github.com`. For GitHub Enterprise Server: `https://HOST/api/v3`. */
  baseUrl?: string
}

/** `checkPrivateKey` and `checkHttpUrl` check the others. */
const RULES: Rules = {
  appId: required(ID_OR_NUMBER),
  privateKey: ANYTHING,
  installationId: required(ID_OR_NUMBER),
  baseUrl: ANYTHING,
}

/** GitHub's clock may be behind ours. */
const JWT_BACKDATED_S = 60
/** GitHub accepts at most ten minutes, including the backdating. */
const JWT_LIFETIME_S = 540

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

/**
 * The token of an installation of a GitHub App. It lives for one hour. Fetching again returns a
 * **new** token, and older ones stay valid.
 *
 * @throws TypeError for an unknown or wrong option.
 * @example
 * init('GITHUB_TOKEN', ...githubApp({ appId, privateKey: process.env.GITHUB_PRIVATE_KEY, installationId }))
 */
export function githubApp(account: GitHubAppOptions, options?: KeyOptions): Registration {
  const { appId, privateKey, installationId, baseUrl } = checkOptions<GitHubAppOptions>('githubApp', account, RULES)
  const base = checkHttpUrl('baseUrl', baseUrl ?? 'https://api.github.com')
  const url = `${base}/app/installations/${encodeURIComponent(installationId)}/access_tokens`
  const iss = String(appId)
  const key = checkPrivateKey('privateKey', privateKey)
  const request = () => {
    const now = Math.floor(Date.now() / 1000)
    const jwt = signJwt({ iat: now - JWT_BACKDATED_S, exp: now + JWT_LIFETIME_S, iss }, key)
    return {
      method: 'POST',
      url,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${jwt}`,
        'user-agent': 'dotdog',
        'x-github-api-version': '2022-11-28',
      },
      body: '',
    }
  }
  const fetcher = createFetcher({
    provider: 'GitHub',
    secrets: [],
    request,
    // GitHub's errors have a message, and no code except the status.
    refusal: ({ token, message }, status) =>
      isText(message) && !isText(token) ? { code: String(status), message } : undefined,
    result: ({ token, expires_at }) =>
      isText(token) && isText(expires_at) ? { value: token, expiresAt: expires_at } : undefined,
    retryAfter: {},
  })
  const identity = `github:${iss}/${installationId}`
  return register(fetcher, { identity, isRejected: (hints) => hints.status === 401 }, options)
}
