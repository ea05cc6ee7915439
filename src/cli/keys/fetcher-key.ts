// Keys of dotdog/fetchers. A fetcher is made when a fetch needs it, with the secrets as they are
// then. The options of a key, such as its identity, are known without its secrets.
import type { Fetcher, KeyOptions } from 'dotdog'
import type * as Fetchers from 'dotdog/fetchers'
import { OBJECT } from '../../core/shared/validate.js'
import type { FetcherKind, KeyEntry } from './entry.js'
import { checkSecret, isSecretReference, resolveSecret, type SecretContext, type SecretReference } from './secret.js'

type Members = Record<string, unknown>
type Registration = readonly [fetcher: Fetcher<unknown>, options: KeyOptions]

/** The members of a kind that are secrets: always references, never texts. */
const SECRETS: Readonly<Record<FetcherKind, readonly string[]>> = {
  oauth2: ['clientSecret'],
  refreshToken: ['seed', 'clientSecret'],
  google: ['credentials'],
  githubApp: ['privateKey'],
  entra: ['clientSecret'],
  feishu: ['appSecret'],
  dingtalk: ['appSecret'],
  wecom: ['corpSecret'],
  qqBot: ['clientSecret'],
  douyin: ['clientSecret'],
}

/** The longest time-out that a key may have. */
const SECRET_TIMEOUT_MS = 600_000

/** Stands for a secret where only the options of a key are wanted. Nothing is fetched with it. */
const STAND_IN = 'stand-in'

/** @throws TypeError for the first thing that is wrong. */
export async function fetcherRegistration(
  path: string,
  kind: FetcherKind,
  entry: KeyEntry,
  secretContext: SecretContext,
): Promise<Registration> {
  const place = `${path}.${kind}`
  const given = entry[kind]
  if (!OBJECT.test(given as never)) throw new TypeError(`${place} must be an object`)
  const members: Members = { ...(given as Members) }
  if (entry.expiresIn !== undefined) members.expiresIn ??= entry.expiresIn
  let references = referencesIn(place, kind, members)
  if (kind === 'refreshToken') {
    // It asks for its secrets itself: whether there is another seed matters also where nothing is fetched.
    for (const [name, reference] of references) {
      if (!SECRETS.refreshToken.includes(name)) continue
      members[name] = () => resolveSecret(`${place}.${name}`, reference, secretContext, AbortSignal.timeout(SECRET_TIMEOUT_MS))
    }
    references = references.filter(([name]) => typeof members[name] !== 'function')
  }
  const fetchers = await import('dotdog/fetchers')

  let made: { secrets: string; registration: Registration } | undefined
  const fetcher: Fetcher<unknown> = async (context) => {
    const secrets: Members = {}
    for (const [name, reference] of references) {
      secrets[name] = await resolveSecret(`${place}.${name}`, reference, secretContext, context.signal)
    }
    const text = JSON.stringify(secrets)
    // One fetcher for one secret: it may have a state, such as the request that is under way.
    if (made?.secrets !== text) made = { secrets: text, registration: make(fetchers, kind, members, secrets) }
    return made.registration[0](context as never)
  }
  return [fetcher, optionsOf(fetchers, kind, members, references)]
}

/** The references of an entry by their paths, `clientSecret` or `parameters.assertion`. */
function referencesIn(place: string, kind: FetcherKind, members: Members): [string, SecretReference][] {
  const references: [string, SecretReference][] = []
  for (const name of SECRETS[kind]) {
    const reference = members[name]
    if (reference === undefined) continue
    checkSecret(`${place}.${name}`, reference)
    references.push([name, reference])
  }
  // A further parameter of OAuth 2 may be a password or an assertion.
  for (const [name, value] of Object.entries((members.parameters as Members | undefined) ?? {})) {
    if (!isSecretReference(value)) continue
    checkSecret(`${place}.parameters.${name}`, value)
    references.push([`parameters.${name}`, value])
  }
  return references
}

function make(fetchers: typeof Fetchers, kind: FetcherKind, members: Members, secrets: Members): Registration {
  const filled: Members = {
    ...members,
    ...(members.parameters === undefined ? {} : { parameters: { ...(members.parameters as Members) } }),
  }
  for (const [name, secret] of Object.entries(secrets)) {
    const [parent, child] = name.split('.') as [string, string | undefined]
    if (child === undefined) filled[name] = kind === 'google' ? parseCredentials(String(secret)) : secret
    else (filled[parent] as Members)[name.slice(parent.length + 1)] = secret
  }
  return (fetchers[kind] as unknown as (options: Members) => Registration)(filled)
}

/** The key file of a Google service account. JSON.parse quotes the text in its message. */
function parseCredentials(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new TypeError('the credentials of google must be the key file of a service account, which is JSON')
  }
}

/** What is known of a key without its secrets. */
function optionsOf(
  fetchers: typeof Fetchers,
  kind: FetcherKind,
  members: Members,
  references: [string, SecretReference][],
): KeyOptions {
  if (kind === 'google' || kind === 'githubApp') {
    // Their secret is a private key, for which nothing can stand. Their dead tokens are recognised as
    // those of OAuth 2. The account of google is in its secret.
    const [, { isRejected }] = fetchers.oauth2({ tokenUrl: 'https://localhost', clientId: STAND_IN, clientSecret: STAND_IN })
    const { appId, installationId } = members
    return { isRejected, ...(kind === 'githubApp' ? { identity: `github:${appId}/${installationId}` } : {}) }
  }
  const standIns = Object.fromEntries(references.map(([name]) => [name, STAND_IN]))
  return make(fetchers, kind, members, standIns)[1]
}
