/**
 * Errors of ioredis carry the command with its arguments, and so the value; those of Redis repeat what they were sent. None
 * leaves: what does is a code and words of ours.
 */
const HINTS: Record<string, string> = {
  NO_IOREDIS: 'the package ioredis is missing or cannot be loaded: npm install ioredis',
  NOAUTH: 'Redis wants a password',
  WRONGPASS: 'Redis refuses the user or the password',
  NOPERM: 'the user may not run these scripts, on these keys and this channel',
  READONLY: 'this Redis is a replica, and takes no writes',
  LOADING: 'Redis is loading its data',
  OOM: 'Redis has no memory left',
  MISCONF: 'Redis cannot write its snapshot, and takes no writes',
  MOVED: 'this Redis is one node of a cluster: give an ioredis Cluster as client',
  CLUSTERDOWN: 'the cluster is down',
  WRONGTYPE: 'a key with the name of ours is something else',
  ETIMEDOUT: 'no answer in time',
  ECONNREFUSED: 'nobody listens there',
  CLOSED: 'this store was closed',
}

/** A connection that ended, or never began, and no answer. */
const ENDED = 'ECLOSED'

export function codeOf(error: unknown): string {
  const { code, message, name, lastNodeError } = Object(error)
  if (lastNodeError) return codeOf(lastNodeError)
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code)) return code
  // A reply begins with its code.
  if (name === 'ReplyError') return /^[A-Z]{2,20}(?= |$)/.exec(String(message))?.[0] ?? 'ERR'
  return ENDED
}

/** Whether Redis itself refused, so that asking again is of no use. */
export const isReply = (error: unknown): boolean => Object(error).name === 'ReplyError'

/** What is asked of a store that was closed. */
export const closed = (): Error => Object.assign(new Error('closed'), { code: 'CLOSED' })

/** What ends a connection, and perhaps not the next one. */
const LOST = [ENDED, 'ECONNRESET', 'EPIPE']

/**
 * Whether asking again, on another connection, is of use. A refusal leaves a connection good, but of a replica that was the
 * master; and where nobody listens, nobody will in a moment.
 */
export function isPassing(error: unknown, wasConnected: boolean): boolean {
  if (isReply(error)) return codeOf(error) === 'READONLY'
  return wasConnected || LOST.includes(codeOf(error))
}

/** What Redis answers for a time. */
const FOR_NOW = [
  'READONLY',
  'LOADING',
  'OOM',
  'MISCONF',
  'BUSY',
  'NOREPLICAS',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MOVED',
  'ASK',
]

/** Fit to be shown. */
export function failed(error: unknown): Error & { code: string; isRefusal: boolean } {
  const code = codeOf(error)
  const hint = HINTS[code] ?? (isReply(error) ? 'Redis refused' : 'the connection failed')
  return Object.assign(new Error(hint), { code, isRefusal: isReply(error) && !FOR_NOW.includes(code) })
}
