/**
 * Errors that are fit to be shown. Those of ioredis are not: they carry the command with its
 * arguments, and so the value. Nor are those of Redis, which repeat what they were sent. Only a
 * code and a message of our own leave this folder.
 */
const MESSAGES: Record<string, string> = {
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
  WRONGTYPE: 'a Redis key that dotdog uses holds another type of data',
  ETIMEDOUT: 'no answer in time',
  ECONNREFUSED: 'the connection was refused',
  CLOSED: 'this store was closed',
}

/** The code of a connection that ended, or never began, without an answer. */
const CONNECTION_ENDED = 'ECLOSED'

export function codeOf(error: unknown): string {
  const { code, message, name, lastNodeError } = Object(error)
  if (lastNodeError) return codeOf(lastNodeError)
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code)) return code
  // An error reply begins with its code.
  if (name === 'ReplyError') return /^[A-Z]{2,20}(?= |$)/.exec(String(message))?.[0] ?? 'ERR'
  return CONNECTION_ENDED
}

/** Whether Redis itself answered with an error. */
export const isReply = (error: unknown): boolean => Object(error).name === 'ReplyError'

/** What a store says that was closed. */
export const closedError = (): Error => Object.assign(new Error('closed'), { code: 'CLOSED' })

/** Errors that end a connection, and perhaps not the next one. */
const LOST_CONNECTION = [CONNECTION_ENDED, 'ECONNRESET', 'EPIPE']

/**
 * Whether another try, on another connection, may succeed. An error reply leaves the connection
 * good, except that of a replica that was the master. Where a connection is refused, it will be
 * refused again in a moment.
 */
export function isTransient(error: unknown, wasConnected: boolean): boolean {
  if (isReply(error)) return codeOf(error) === 'READONLY'
  return wasConnected || LOST_CONNECTION.includes(codeOf(error))
}

/** Error replies that do not last. Every other one is a refusal. */
const TEMPORARY_REPLIES = [
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

/** An error that is fit to be shown, in place of one that is not. */
export function toPublicError(error: unknown): Error & { code: string; isRefusal: boolean } {
  const code = codeOf(error)
  const message = MESSAGES[code] ?? (isReply(error) ? 'Redis refused' : 'the connection failed')
  const isRefusal = isReply(error) && !TEMPORARY_REPLIES.includes(code)
  return Object.assign(new Error(message), { code, isRefusal })
}
