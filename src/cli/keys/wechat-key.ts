// The keys of a WeChat account: its token and its tickets. The app secret is resolved when a fetch
// needs it.
import type { Dog, Fetcher, KeyOptions } from 'dotdog'
import type { WeChatOptions } from 'dotdog/wechat'
import { checkMembers, OBJECT, type Rule, type Rules, required, TEXT } from '../../core/shared/validate.js'
import { commonOptions, type KeyEntry } from './entry.js'
import { checkSecret, resolveSecret, type SecretContext } from './secret.js'

const ANY: Rule = { test: () => true, rule: '' }
/** `wechat()` checks the others. */
const RULES: Rules = { appId: required(TEXT), appSecret: ANY, stable: ANY, baseUrl: ANY }

/** Stands for the app secret where only the keys of an account are wanted. Nothing is fetched with it. */
const STAND_IN = 'stand-in'

type Wechat = typeof import('dotdog/wechat').wechat
interface Captured {
  fetcher: Fetcher<unknown>
  options: KeyOptions
}

/** What is before the name of the token: the prefix of the account's keys. Undefined if the key does not end so. */
export function prefixOf(key: string, stable: boolean): string | undefined {
  const name = stable ? 'ACCESS_TOKEN_STABLE' : 'ACCESS_TOKEN'
  return key.endsWith(name) ? key.slice(0, -name.length) : undefined
}

const isStable = (entry: KeyEntry): boolean => (entry.wechat as { stable?: unknown } | undefined)?.stable === true

/** All keys that come with the key of an account's token. */
export function wechatKeys(key: string, entry: KeyEntry): string[] {
  const prefix = prefixOf(key, isStable(entry))
  return prefix === undefined ? [key] : [key, `${prefix}JSAPI_TICKET`, `${prefix}CARD_TICKET`]
}

/**
 * Registers the keys of an account, and returns their names.
 *
 * @throws TypeError for the first thing that is wrong.
 */
export async function registerWechat(
  dog: Dog,
  path: string,
  key: string,
  entry: KeyEntry,
  secretContext: SecretContext,
): Promise<string[]> {
  if (!OBJECT.test(entry.wechat as never)) throw new TypeError(`${path}.wechat must be an object`)
  const { appSecret: reference, ...account } = checkMembers<WeChatOptions>(`${path}.wechat`, entry.wechat, RULES)
  const place = `${path}.wechat.appSecret`
  checkSecret(place, reference)
  const prefix = prefixOf(key, isStable(entry))
  if (prefix === undefined) {
    const name = isStable(entry) ? 'ACCESS_TOKEN_STABLE, because its token is stable' : 'ACCESS_TOKEN'
    throw new TypeError(`${path}: the key of a WeChat account must end in ${name}; its tickets are named after it`)
  }
  const { timeout, quota, refreshAhead, ...common } = commonOptions(entry)
  const options: WeChatOptions = {
    ...account,
    prefix,
    appSecret: STAND_IN,
    ...(timeout && { timeout }),
    ...(quota && { quota }),
  }
  const { wechat } = await import('dotdog/wechat')

  let current: { secret: string; captured: Map<string, Captured> } | undefined
  const withSecret = async (signal: AbortSignal): Promise<Map<string, Captured>> => {
    const secret = await resolveSecret(place, reference as never, secretContext, signal)
    // One account for one secret: the stable token counts what it forced.
    if (current?.secret !== secret) current = { secret, captured: capture(wechat, { ...options, appSecret: secret }, dog) }
    return current.captured
  }
  const captured = capture(wechat, options, dog)
  for (const [name, { options: own }] of captured) {
    const fetcher: Fetcher<unknown> = async (context) =>
      (await withSecret(context.signal)).get(name)!.fetcher(context) as ReturnType<Fetcher<unknown>>
    const ahead = name === key && refreshAhead !== undefined ? { refreshAhead } : {}
    dog.init(name, fetcher, { ...own, ...(name === `${prefix}ACCESS_TOKEN_FORCED` ? {} : common), ...ahead })
  }
  return wechatKeys(key, entry)
}

/** What `wechat()` would register: its keys, with their fetchers and options. */
function capture(wechat: Wechat, options: WeChatOptions, dog: Dog): Map<string, Captured> {
  const captured = new Map<string, Captured>()
  const init = (key: string, fetcher: Fetcher<unknown>, keyOptions: KeyOptions) => {
    captured.set(key, { fetcher, options: keyOptions })
    // The account writes to its own keys by what `init` returns.
    return {
      key,
      get: () => dog.get(key),
      set: (value: unknown, expiry: object) => dog.set(key, value, expiry),
    }
  }
  wechat({ ...options, dog: { ...dog, init: init as unknown as Dog['init'] } })
  return captured
}
