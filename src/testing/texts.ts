// What the platform says, word for word as it was seen; where only the code is documented, in the same manner.
import { randomBytes } from 'node:crypto'

const DEAD =
  'invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, ' +
  'more details at https://mmbizurl.cn/s/JtxxFh33r'

const texts: Readonly<Record<number, string>> = {
  [-1]: 'system error',
  40001: DEAD,
  40002: 'invalid grant_type',
  40003: 'invalid openid',
  40013: 'invalid appid',
  40014: 'invalid access_token',
  40066: 'invalid url',
  40097: 'invalid args',
  40125: 'invalid appsecret',
  40164: 'invalid ip {ip} ipv6 ::ffff:{ip}, not in whitelist',
  40243: 'appsecret is frozen',
  41001: 'access_token missing',
  41002: 'appid missing',
  41004: 'appsecret missing',
  42001: 'access_token expired',
  43002: 'require POST method',
  43003: 'require https',
  44002: 'empty post data',
  45009: 'reach max api daily quota limit',
  45011: 'api minute-quota reach limit, must slower, retry next minute',
  47001: 'data format error',
  48001: 'api unauthorized',
  50002: 'user limited',
  50004: 'user not allow to use accesstoken, maybe for punishment',
  50007: 'user is frozen',
  61004: 'access clientip is not registered',
  89501: 'waiting for the confirmation of the administrator',
  89503: 'this call needs the confirmation of the administrator',
  89506: 'the administrator refused this ip twice, retry after 24 hours',
  89507: 'the administrator refused this ip, retry after 1 hour',
}

const TOKEN_QUOTA =
  'reach max api daily quota limit, could get access_token by getStableAccessToken, ' +
  'more details at https://mmbizurl.cn/s/JtxxFh33r'

const hex = (): string => randomBytes(4).toString('hex')

/** A request's id: three groups of hex, the first of which is the time. `now`: epoch milliseconds. */
export function makeRid(now: number): string {
  const seconds = Math.floor(now / 1000) % 2 ** 32
  return `${seconds.toString(16).padStart(8, '0')}-${hex()}-${hex()}`
}

/** The errmsg of an errcode, with its rid. `credential`: whether a token endpoint says it, which has words of its own. */
export function errmsgOf(errcode: number, ip: string, rid: string, credential: boolean): string {
  const text =
    credential && errcode === 40001
      ? 'invalid credential access_token isinvalid or not latest'
      : credential && errcode === 45009
        ? TOKEN_QUOTA
        : (texts[errcode] ?? 'error')
  return `${text.replaceAll('{ip}', ip)} rid: ${rid}`
}
