// The error of a method of `wx`. The platform refuses a token or a ticket to one process, and the dog
// tells all processes with a DogError. Its details make the same WeChatError in each of them.
import { type DogError, isDogError } from 'dotdog'
import type { ErrorKind } from './error-table.js'
import { WeChatError } from './errors.js'

const KINDS: readonly unknown[] = ['transient', 'permanent', 'quota', 'rejected'] satisfies ErrorKind[]

/**
 * Runs a method of `wx`.
 *
 * @param key the key with whose value the platform is called, or of which the value is returned
 * @throws WeChatError for every refusal of the platform; any other error as it is.
 */
export async function withWeChatErrors<R>(key: string, method: () => Promise<R>): Promise<R> {
  try {
    return await method()
  } catch (error) {
    if (error instanceof WeChatError) throw Object.assign(error, { key: error.key ?? key })
    throw isDogError(error) ? (weChatErrorOf(error) ?? error) : error
  }
}

/** The refusal of the platform because of which a fetch failed. Undefined: the fetch failed for another reason. */
function weChatErrorOf(error: DogError): WeChatError | undefined {
  const { details = {}, message, key, retryAt } = error
  const { code, kind, errcode } = details
  if (typeof code !== 'string' || !code.startsWith('WECHAT_') || !KINDS.includes(kind)) return undefined
  const text = (name: string): string | undefined => {
    const value = details[name]
    return typeof value === 'string' ? value : undefined
  }
  const fields = {
    errcode: typeof errcode === 'number' ? errcode : undefined,
    errmsg: text('errmsg'),
    rid: text('rid'),
    ip: text('ip'),
    retryAfter: retryAt === undefined ? undefined : Math.max(0, Math.ceil((retryAt - Date.now()) / 1000)),
    key,
    retryAt,
  }
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
  return new WeChatError(message, {
    code,
    kind: kind as ErrorKind,
    hint: text('hint') ?? '',
    hintZh: text('hintZh') ?? '',
    path: text('path') ?? '',
    appId: text('appId') ?? '',
    cause: error,
    ...given,
  })
}
