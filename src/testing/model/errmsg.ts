/**
 * The errmsg of each errcode. Texts that were observed are repeated word for word. Where only the
 * code is documented, the text is invented in the same style.
 */
import { randomBytes } from 'node:crypto'
import { describeIp } from './ip-whitelist.js'

const STABLE_TOKEN_HINT = ', could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r'
const DEAD_TOKEN_TEXT = 'invalid credential, access_token is invalid or not latest'

const TEXTS: Readonly<Record<number, string>> = {
  [-1]: 'system error',
  40001: DEAD_TOKEN_TEXT,
  40002: 'invalid grant_type',
  40003: 'invalid openid',
  40004: 'invalid media type',
  40005: 'invalid file type',
  40007: 'invalid media_id',
  40013: 'invalid appid',
  40014: 'invalid access_token',
  40029: 'invalid code',
  40066: 'invalid url',
  40097: 'invalid args',
  40125: 'invalid appsecret',
  40164: 'invalid ip {ip}, not in whitelist',
  40169: 'invalid length for scene, or the data is not json string',
  40201: 'no callback url set',
  40202: 'invalid action',
  40203: 'invalid check_operator',
  40243: 'appsecret is frozen',
  41001: 'access_token missing',
  41002: 'appid missing',
  41004: 'appsecret missing',
  41005: 'media data missing',
  41030: 'invalid page',
  42001: 'access_token expired',
  43002: 'require POST method',
  43003: 'require https',
  44002: 'empty post data',
  45009: 'reach max api daily quota limit',
  45011: 'api minute-quota reach limit, must slower, retry next minute',
  47001: 'data format error',
  48001: 'api unauthorized',
  48004: 'api forbidden',
  48006: 'forbid to clear quota because of reaching the limit',
  50002: 'user limited',
  50004: 'user not allow to use accesstoken, maybe for punishment',
  50007: 'user is frozen',
  61003: 'component is not authorized by this account',
  61004: 'access clientip is not registered',
  61006: 'component ticket is invalid',
  61023: 'refresh_token is invalid',
  76001: 'rid not found',
  76002: 'rid is error',
  76003: 'could not query this rid for no permission',
  76004: 'rid time is error',
  76021: 'cgi_path not found, please check',
  76022: 'could not use this cgi_path, no permission',
  89501: 'waiting for the confirmation of the administrator',
  89503: 'this call needs the confirmation of the administrator',
  89506: 'the administrator refused this ip twice, retry after 24 hours',
  89507: 'the administrator refused this ip, retry after 1 hour',
}

const randomHex = (): string => randomBytes(4).toString('hex')

/**
 * A request id: three groups of eight hex digits. The first group is the time in seconds.
 *
 * @param now epoch milliseconds
 */
export function makeRid(now: number): string {
  const seconds = Math.floor(now / 1000) % 2 ** 32
  return `${seconds.toString(16).padStart(8, '0')}-${randomHex()}-${randomHex()}`
}

/** The parts of a request that an errmsg depends on. */
export interface ErrmsgContext {
  path: string
  ip: string
  rid: string
  /** The path takes an AppSecret, so that 40001 has another text. */
  takesAppSecret: boolean
}

/** The text of an errcode. Some paths have their own text for 40001 and 45009. */
function textFor(errcode: number, path: string, takesAppSecret: boolean): string {
  if (errcode === 40001 && takesAppSecret) return 'invalid credential access_token isinvalid or not latest'
  if (errcode === 40001 && !path.startsWith('/sns/')) return DEAD_TOKEN_TEXT + STABLE_TOKEN_HINT
  if (errcode === 45009 && path === '/cgi-bin/token') return TEXTS[45009] + STABLE_TOKEN_HINT
  return TEXTS[errcode] ?? 'error'
}

/** The errmsg of an errcode, followed by the rid. Paths under `/sns/` put a comma before it. */
export function errmsgOf(errcode: number, { path, ip, rid, takesAppSecret }: ErrmsgContext): string {
  const text = textFor(errcode, path, takesAppSecret).replace('{ip}', describeIp(ip))
  return `${text}${path.startsWith('/sns/') ? ',' : ''} rid: ${rid}`
}
