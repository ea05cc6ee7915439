import type { KeyObject } from 'node:crypto'
import type { KeyOptions } from 'dotdog'
import { checkPrivateKey, signJwt } from '../lib/jwt.js'
import { checkId, checkObject, checkUrl } from '../lib/options.js'
import { fetcherOf, type Registration, register } from '../lib/provider.js'

export interface GitHubAppOptions {
  /** The app's ID, or its client ID. */
  appId: string | number
  /** PEM, as GitHub gives it. */
  privateKey: string | KeyObject
  installationId: string | number
  /** Default `https://api.github.com`; GitHub Enterprise Server: `https://HOST/api/v3`. */
  baseUrl?: string
}

/** Seconds. GitHub takes at most ten minutes, and its clock may be behind ours. */
const BACKDATED = 60
const LIFETIME = 540

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

/**
 * The token of a GitHub App's installation: one hour. Asking again returns a **new** token, and older ones stay valid.
 *
 * @example
 * init('GITHUB_TOKEN', ...githubApp({ appId, privateKey: process.env.GITHUB_PRIVATE_KEY, installationId }))
 */
export function githubApp(account: GitHubAppOptions, options?: KeyOptions): Registration {
  const { appId, privateKey, installationId, baseUrl = 'https://api.github.com' } = checkObject('githubApp', account)
  const base = checkUrl('baseUrl', baseUrl)
  const iss = checkId('appId', typeof appId === 'number' ? String(appId) : appId)
  const id = checkId('installationId', typeof installationId === 'number' ? String(installationId) : installationId)
  const key = checkPrivateKey('privateKey', privateKey)
  const request = () => {
    const now = Math.floor(Date.now() / 1000)
    const jwt = signJwt({ iat: now - BACKDATED, exp: now + LIFETIME, iss }, key)
    return {
      method: 'POST',
      url: `${base}/app/installations/${encodeURIComponent(id)}/access_tokens`,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${jwt}`,
        'user-agent': 'dotdog',
        'x-github-api-version': '2022-11-28',
      },
      body: '',
    }
  }
  const fetcher = fetcherOf({
    provider: 'GitHub',
    secrets: [],
    request,
    // GitHub has a message, and no code but the status.
    refusal: ({ token, message }, status) =>
      isText(message) && !isText(token) ? { code: String(status), message } : undefined,
    result: ({ token, expires_at }) =>
      isText(token) && isText(expires_at) ? { value: token, expiresAt: expires_at } : undefined,
    waits: {},
  })
  return register(fetcher, { identity: `github:${iss}/${id}`, isDead: (signs) => signs.status === 401 }, options)
}
