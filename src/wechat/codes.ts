// What an errcode means to us, as one table: the kind decides what is tried again, the hint is what a person can do. It
// deliberately knows nothing of requests: that 40001 means another thing at a token endpoint is said by `whereCredential`.

/**
 * - `transient`: the same request may succeed soon.
 * - `permanent`: somebody has to change something first.
 * - `quota`: nothing helps before the counter is reset.
 * - `rejected`: the access token is dead; a new one and one more try will do.
 */
export type ErrorKind = 'transient' | 'permanent' | 'quota' | 'rejected'

/** When to ask again: seconds, or a moment of the platform's clock. */
export type RetryRule = number | 'midnight in Beijing' | 'next minute'

export interface CodeFact {
  readonly kind: ErrorKind
  readonly hint: string
  /** Absent: the caller's own back-off decides. */
  readonly retry?: RetryRule
}

/** Seconds before a permanent error is probed again: a person needs longer than that to change anything. */
const PROBE = 60

const permanent = (hint: string, retry: RetryRule = PROBE): CodeFact => ({ kind: 'permanent', hint, retry })
const rejected = (hint: string): CodeFact => ({ kind: 'rejected', hint })

const WRONG_SECRET = 'The AppSecret does not belong to this appId: copy it again from the console, or reset it there.'
const OFF_LIST = 'Add {ip} to the IP whitelist of the account in the console; it takes about ten minutes to act.'
const BUG = 'The request is malformed: this is a bug of the caller.'

const facts: Readonly<Record<number, CodeFact>> = {
  [-1]: { kind: 'transient', hint: 'The platform is busy: try again in a moment.' },

  40001: rejected('The access token was superseded: another program may be fetching tokens for the same account.'),
  40014: rejected('The access token is of another family, such as a web-login or third-party platform token.'),
  42001: rejected('The access token is past its lifetime.'),

  40002: permanent('The grant_type is wrong: this is a bug of the caller.'),
  40013: permanent('The appId is unknown: check it for stray characters and upper case.'),
  40066: permanent('The platform does not know this path: check its spelling.'),
  40125: permanent(WRONG_SECRET),
  40164: permanent(OFF_LIST),
  40243: permanent('The AppSecret is frozen: unfreeze it in the console; it takes ten minutes to act.'),
  41001: permanent('The request carried no access token: this is a bug of the caller.'),
  41002: permanent('The request carried no appId: this is a bug of the caller.'),
  41004: permanent('The request carried no AppSecret: this is a bug of the caller.'),
  43002: permanent("The path wants POST: give a body, or method: 'POST'."),
  43003: permanent('The platform wants HTTPS: check baseUrl.'),
  44002: permanent('The path wants a body.'),
  45035: permanent(OFF_LIST),
  47001: permanent(BUG),
  48001: permanent('The account lacks the permission for this path: see the list of permissions in the console.'),
  48004: permanent('This path is forbidden for the account: see its violation record in the console.'),
  48006: permanent('The quota has been cleared as often as it may be this month.', 3600),
  50002: permanent('The account is limited (frozen, migrated or cancelled): its operator must look at the console.'),
  50004: permanent('The account may not fetch access tokens, maybe for a punishment: its operator must look at the console.'),
  50007: permanent('The account is frozen: its operator must look at the console.'),
  61004: permanent(OFF_LIST),
  61024: permanent('The account is served through a third-party platform: use the token of that platform.'),
  89501: permanent('An administrator has been asked to confirm this IP: wait for the answer.'),
  89503: permanent('An administrator must confirm this call in the message that WeChat sent: then it will work.'),
  89506: permanent('An administrator refused this IP twice: it is blocked for 24 hours.', 86_400),
  89507: permanent('An administrator refused this IP: it is blocked for an hour.', 3600),

  45009: {
    kind: 'quota',
    hint: "The day's quota is used up: clear it in the console, or wait for midnight in Beijing.",
    retry: 'midnight in Beijing',
  },
  45011: { kind: 'quota', hint: "The minute's quota is used up: slow down.", retry: 'next minute' },
}

/** A code we do not know is a definite answer all the same: the same question would get it again. */
const unknown = permanent('Look the errcode up in the documentation of the path.')

/** The dead-token codes as an endpoint that takes the AppSecret means them: never a reason to fetch a token. */
const whereCredential: Readonly<Record<number, CodeFact>> = {
  40001: permanent(WRONG_SECRET),
  40014: permanent(WRONG_SECRET),
  42001: permanent(WRONG_SECRET),
}

/**
 * What an errcode means.
 *
 * @param credential whether the request carried the AppSecret, and no token that could be dead.
 */
export function factOf(errcode: number, credential: boolean): CodeFact {
  return (credential ? whereCredential[errcode] : undefined) ?? facts[errcode] ?? unknown
}

/** Beijing has had no daylight saving time since 1991. */
const BEIJING = 8 * 3600

/** Whole seconds from `now` (epoch milliseconds) to the moment of the rule, at least 1. */
export function secondsUntil(rule: RetryRule, now: number): number {
  if (typeof rule === 'number') return rule
  const seconds = now / 1000
  if (rule === 'next minute') return Math.max(1, Math.ceil(60 - (seconds % 60)))
  return Math.max(1, Math.ceil(86_400 - ((seconds + BEIJING) % 86_400)))
}
