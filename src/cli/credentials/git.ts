// The protocol of git's credential helpers (gitcredentials(7), git-credential(1)): git writes what it
// wants to know, and reads what the helper knows.
import { type Credential, DEFAULT_USER, expiryOf, lineOf } from './credential.js'

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/

/** The attributes that git wrote. Of one that is there twice, the last counts. */
export function parseGitRequest(text: string): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const line of text.split('\n')) {
    if (line === '') break
    const at = line.indexOf('=')
    if (at > 0) attributes[line.slice(0, at)] = line.slice(at + 1)
  }
  return attributes
}

/** Nothing for a host that is asked in the clear: git then goes on to the next helper. */
export function gitForm(credential: Credential): string {
  const { key, value, user, host: onlyHost } = credential
  const { protocol, host = '', username } = parseGitRequest(credential.request ?? '')
  const isClear = protocol === 'http' && !LOOPBACK.test(host)
  if (isClear || (onlyHost !== undefined && host !== '' && host !== onlyHost)) return ''
  const expiry = expiryOf(credential)
  const lines = [
    `username=${lineOf('the user', user ?? (username || DEFAULT_USER))}`,
    `password=${lineOf(key, value)}`,
    // git 2.40 and later; others pass over it.
    ...(expiry === undefined ? [] : [`password_expiry_utc=${expiry.getTime() / 1000}`]),
  ]
  return `${lines.join('\n')}\n`
}
