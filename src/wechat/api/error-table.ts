// The platform's errcodes as one table. The kind decides what is tried again. The hints say what a
// person can do, in English and in Chinese. This file knows nothing of requests and clocks.

/**
 * - `transient`: the same request may succeed soon.
 * - `permanent`: a person has to change something first.
 * - `quota`: nothing helps until the platform's counter is reset.
 * - `rejected`: the access token is dead. The request succeeds with a new one.
 */
export type ErrorKind = 'transient' | 'permanent' | 'quota' | 'rejected'

/** When to ask again: a number of seconds, or a moment of the platform's clock. */
export type RetryRule = number | 'midnight in Beijing' | 'next minute'

export interface ErrorFact {
  readonly kind: ErrorKind
  /** In English. `{ip}` stands for the caller's address. */
  readonly hint: string
  /** The same in Chinese. */
  readonly hintZh: string
  /** Absent if the usual back-off decides. */
  readonly retry?: RetryRule
}

/**
 * A permanent error is tried again after this time. A person needs longer than that to change
 * anything.
 */
const PERMANENT_RETRY_S = 60
const HOUR_S = 3600
const DAY_S = 86_400

const permanent = (hint: string, hintZh: string, retry: RetryRule = PERMANENT_RETRY_S): ErrorFact => ({
  kind: 'permanent',
  hint,
  hintZh,
  retry,
})
const rejected = (hint: string, hintZh: string): ErrorFact => ({ kind: 'rejected', hint, hintZh })

/** The meaning of 40125, and of the dead-token codes at an endpoint that takes the AppSecret. */
export const WRONG_SECRET = permanent(
  'The AppSecret does not belong to this appId: copy it again from the console, or reset it there.',
  'AppSecret 与该 appId 不匹配：请在后台重新复制，或重置 AppSecret。',
)

const NOT_WHITELISTED = permanent(
  'Add {ip} to the IP whitelist of the account in the console. The change takes effect after about ten minutes.',
  '请在后台把 {ip} 加入该账号的 IP 白名单；约十分钟后生效。',
)

const USER_MUST_REAUTHORISE = permanent(
  'The authorisation of the user has ended. The user must authorise again. A new access token does not help.',
  '用户授权已失效：需要用户重新授权，更换 access_token 无效。',
)

/** An unknown code is still a definite response: the same request would get it again. */
export const UNKNOWN_CODE = permanent(
  'Look up this errcode in the documentation of the path.',
  '请在该接口的官方文档中查询此 errcode。',
)

export const ERROR_FACTS: Readonly<Record<number, ErrorFact>> = {
  [-1]: {
    kind: 'transient',
    hint: 'The platform is busy: try again in a moment.',
    hintZh: '微信系统繁忙：请稍后重试。',
  },

  40001: rejected(
    'A newer access token has replaced this one. Another program may be fetching tokens for the same account.',
    'access_token 已被更新的 token 取代：可能有其他程序在获取同一账号的 token。',
  ),
  40014: rejected(
    'The access token is of another kind, such as a web-login token or a third-party platform token.',
    'access_token 类型不对：可能误用了网页授权或第三方平台的 token。',
  ),
  42001: rejected('The access token has expired.', 'access_token 已过期。'),

  40002: permanent('The grant_type is wrong. This is a bug in the calling program.', 'grant_type 不正确：这是调用方的缺陷。'),
  40013: permanent(
    'The appId is unknown: check it for stray characters and for wrong upper or lower case.',
    'appId 无效：请检查是否有多余字符或大小写错误。',
  ),
  40030: USER_MUST_REAUTHORISE,
  40066: permanent('The platform does not know this path: check its spelling.', '平台没有此接口路径：请检查拼写。'),
  40097: permanent(
    'An argument is wrong: compare the request with the documentation of the path.',
    '参数错误：请对照该接口的文档检查。',
  ),
  40125: WRONG_SECRET,
  40164: NOT_WHITELISTED,
  40201: permanent('The account has no server URL: set it in the console.', '账号尚未配置服务器 URL：请在后台设置。'),
  40243: permanent(
    'The AppSecret is frozen: unfreeze it in the console. The change takes effect after about ten minutes.',
    'AppSecret 已被冻结：请在后台解冻，约十分钟后生效。',
  ),
  41001: permanent(
    'The request carried no access token. This is a bug in the calling program.',
    '请求缺少 access_token：这是调用方的缺陷。',
  ),
  41002: permanent('The request carried no appId. This is a bug in the calling program.', '请求缺少 appid：这是调用方的缺陷。'),
  41004: permanent(
    'The request carried no AppSecret. This is a bug in the calling program.',
    '请求缺少 AppSecret：这是调用方的缺陷。',
  ),
  42002: USER_MUST_REAUTHORISE,
  42007: USER_MUST_REAUTHORISE,
  43002: permanent(
    "The path requires POST: pass a body, or method: 'POST'.",
    "该接口需要 POST：请提供 body，或设置 method: 'POST'。",
  ),
  43003: permanent('The platform requires HTTPS: check baseUrl.', '平台要求使用 HTTPS：请检查 baseUrl。'),
  44002: permanent('The path requires a body.', 'POST 内容为空：该接口需要 body。'),
  45035: NOT_WHITELISTED,
  47001: permanent(
    'The format of the body is wrong: check that it is valid JSON.',
    'POST 数据格式错误：请确认 body 是合法的 JSON。',
  ),
  48001: permanent(
    'The account has no permission for this path: see the list of permissions in the console.',
    '账号没有此接口的权限：请在后台查看接口权限列表。',
  ),
  48004: permanent(
    'The account is banned from this path: see its violation record in the console.',
    '该接口已被封禁：请在后台查看违规记录。',
  ),
  48006: permanent(
    'The quota was already cleared as often as the platform allows in a month.',
    '本月清空调用次数的机会已用完。',
    HOUR_S,
  ),
  48017: permanent(
    'This regional address of the platform is retired: use another baseUrl.',
    '该区域接入地址已停用：请更换 baseUrl。',
  ),
  50002: permanent(
    'The account is restricted (frozen, migrated or cancelled): its operator must check the console.',
    '账号受限（被冻结、迁移或注销）：请运营者登录后台查看。',
  ),
  50004: permanent(
    'The account may not fetch access tokens, perhaps after a violation: its operator must check the console.',
    '账号被禁止获取 access_token，可能因违规处罚：请运营者登录后台查看。',
  ),
  50007: permanent('The account is frozen: its operator must check the console.', '账号已冻结：请运营者登录后台查看。'),
  61004: NOT_WHITELISTED,
  61006: permanent(
    'The component_verify_ticket is invalid: wait for the next one that the platform pushes.',
    'component_verify_ticket 无效：请等待平台下一次推送。',
  ),
  61023: permanent(
    'The refresh token of the third-party platform is invalid: the account must authorise again.',
    '第三方平台的 refresh_token 无效：需要账号重新授权。',
  ),
  61024: permanent(
    'A third-party platform acts for this account: use the token of that platform.',
    '该账号由第三方平台代为调用：请使用第三方平台的 token。',
  ),
  76021: permanent('The platform does not know this cgi_path: check its spelling.', 'cgi_path 不存在：请检查拼写。'),
  76022: permanent('The quota of this path cannot be queried.', '该接口不支持查询调用额度。'),
  89501: permanent(
    'An administrator has been asked to confirm this IP: wait for the confirmation.',
    '此 IP 正在等待管理员确认：请耐心等待。',
  ),
  89503: permanent(
    'An administrator must confirm this call in the message that WeChat sent. After that the call succeeds.',
    '此次调用需要管理员确认：请管理员在微信发送的模板消息中确认，之后即可成功。',
  ),
  89506: permanent(
    'An administrator refused this IP twice: it is blocked for 24 hours.',
    '管理员已两次拒绝此 IP：24 小时内不能调用。',
    DAY_S,
  ),
  89507: permanent(
    'An administrator refused this IP: it is blocked for an hour.',
    '管理员已拒绝此 IP：1 小时内不能调用。',
    HOUR_S,
  ),

  45009: {
    kind: 'quota',
    hint: "Today's quota is used up: clear it in the console, or wait for midnight in Beijing.",
    hintZh: '今日调用次数已达上限：请在后台清空次数，或等到北京时间零点。',
    retry: 'midnight in Beijing',
  },
  45011: {
    kind: 'quota',
    hint: "This minute's quota is used up: slow down, and try again in the next minute.",
    hintZh: '每分钟调用次数已达上限：请放慢频率，下一分钟再试。',
    retry: 'next minute',
  },
}
