// The JSON schema of an entry of `keys`, as data. `$defs/secret` belongs to the schema of the whole
// configuration. That an entry has exactly one kind is checked where it is registered, because the
// nearest name of a misspelt kind helps more than "none of 13 forms".

const TEXT = { type: 'string', minLength: 1 } as const
const TEXTS = { type: 'array', items: TEXT, minItems: 1 } as const
const WORDS = { anyOf: [TEXT, TEXTS], errorMessage: 'must be a non-empty string or a list of such strings' } as const
const ID_OR_NUMBER = { type: ['string', 'number'], minLength: 1 } as const
const SECRET = { $ref: '#/$defs/secret' } as const
const URL_TEXT = { type: 'string', pattern: '^https?://[^@]+$', errorMessage: 'must be an http(s) URL without a user' } as const
const BASE_URL = { ...URL_TEXT, description: 'Where the platform is, for proxies, sovereign clouds and tests.' } as const
const SECONDS = { type: 'number', exclusiveMinimum: 0 } as const
const POINTER = { type: 'string', pattern: '^(/.*)?$', errorMessage: 'must be a JSON pointer, such as "/data/token"' } as const
const COMMAND = {
  type: 'array',
  items: { type: 'string' },
  minItems: 1,
  errorMessage: 'must be a list of strings: the program, and its arguments',
} as const
const EXPIRES_IN = { ...SECONDS, description: 'The lifetime in seconds if the upstream does not say it. Default 300.' } as const
const AUTH = { enum: ['basic', 'post'], description: 'How the client shows its secret: in a header, or in the body.' } as const
const PARAMETERS = {
  type: 'object',
  additionalProperties: { anyOf: [TEXT, SECRET] },
  description: 'Further parameters of the request.',
} as const

/** An account that is known by an ID and a secret. */
const account = (description: string, required: readonly string[], properties: Record<string, unknown>) => ({
  description,
  type: 'object',
  properties: { ...properties, ...('issuer' in properties || 'seed' in properties ? {} : { baseUrl: BASE_URL }) },
  required,
  additionalProperties: false,
})

/** What a text of a request may be. */
const TEMPLATE = {
  description:
    'A text; {"key": "KEY"}, another key\'s value, with "field" if it is an object; a secret; or a list of these, which is joined.',
  type: ['string', 'object', 'array'],
} as const

const kinds = {
  wechat: account(
    'A WeChat account. The key ends in ACCESS_TOKEN; what is before is the prefix of its tickets.',
    ['appId', 'appSecret'],
    {
      appId: TEXT,
      appSecret: SECRET,
      stable: { type: 'boolean', description: 'Uses stable tokens. The key then ends in ACCESS_TOKEN_STABLE. Default false.' },
    },
  ),
  oauth2: account('OAuth 2 client credentials.', ['clientId', 'clientSecret'], {
    tokenUrl: URL_TEXT,
    issuer: URL_TEXT,
    discovery: { enum: ['oidc', 'oauth2'] },
    clientId: TEXT,
    clientSecret: SECRET,
    scope: WORDS,
    audience: WORDS,
    parameters: PARAMETERS,
    auth: AUTH,
    expiresIn: EXPIRES_IN,
  }),
  refreshToken: account(
    'A rotating OAuth refresh token. The value is {access, refresh, seedId}.',
    ['tokenUrl', 'clientId', 'seed'],
    {
      tokenUrl: URL_TEXT,
      clientId: TEXT,
      clientSecret: SECRET,
      seed: { $ref: '#/$defs/secret', description: 'The refresh token of a login. A new one replaces what is kept.' },
      scope: WORDS,
      parameters: PARAMETERS,
      auth: AUTH,
      expiresIn: EXPIRES_IN,
    },
  ),
  google: account('A Google service account.', ['credentials', 'scope'], {
    credentials: { $ref: '#/$defs/secret', description: "The account's key file, as it was downloaded." },
    scope: WORDS,
    subject: TEXT,
  }),
  githubApp: account('An installation of a GitHub App.', ['appId', 'privateKey', 'installationId'], {
    appId: ID_OR_NUMBER,
    privateKey: SECRET,
    installationId: ID_OR_NUMBER,
  }),
  entra: account('An app in Microsoft Entra ID.', ['tenant', 'clientId', 'clientSecret', 'scope'], {
    tenant: TEXT,
    clientId: TEXT,
    clientSecret: SECRET,
    scope: { type: 'string', pattern: '/\\.default$', errorMessage: 'must be an API followed by "/.default"' },
  }),
  feishu: account('An internal app in Feishu or Lark.', ['appId', 'appSecret'], {
    appId: TEXT,
    appSecret: SECRET,
    lark: { type: 'boolean' },
  }),
  dingtalk: account('An internal app in DingTalk.', ['appKey', 'appSecret'], { appKey: TEXT, appSecret: SECRET }),
  wecom: account('An app in WeCom.', ['corpId', 'corpSecret', 'agentId'], {
    corpId: TEXT,
    corpSecret: SECRET,
    agentId: ID_OR_NUMBER,
  }),
  qqBot: account('A QQ bot.', ['appId', 'clientSecret'], { appId: TEXT, clientSecret: SECRET }),
  douyin: account('An app in Douyin.', ['clientKey', 'clientSecret'], {
    clientKey: TEXT,
    clientSecret: SECRET,
    stable: { type: 'boolean' },
  }),
  command: {
    ...COMMAND,
    description: 'A program, run without a shell, that prints the value, or {"value": "…", "expiresIn": 3600}.',
  },
  http: {
    description: 'An HTTP request whose answer has the value.',
    type: 'object',
    properties: {
      url: TEMPLATE,
      method: { type: 'string', pattern: '^[A-Z]{1,20}$', description: 'Default GET, or POST with a body.' },
      headers: { type: 'object', additionalProperties: TEMPLATE },
      body: { description: 'A text, or data that is sent as JSON, or as a form if the header content-type says so.' },
      value: { ...POINTER, description: 'Where the value is in the answer. Default: the whole answer, as text.' },
      expiresIn: {
        anyOf: [POINTER, SECONDS],
        errorMessage: 'must be a JSON pointer, such as "/data/ttl", or a number of seconds',
        description: 'The lifetime in seconds, or where it is in the answer.',
      },
      expiresAt: {
        ...POINTER,
        description: 'Where the end of the lifetime is in the answer: epoch milliseconds or an ISO date.',
      },
    },
    required: ['url'],
    additionalProperties: false,
  },
} as const

/** The schema of one entry of `keys`. */
export const keySchema = {
  description: 'How a key is fetched: exactly one kind, and options.',
  type: 'object',
  properties: {
    ...kinds,
    environment: {
      description: 'Variables for the command, beside PATH, HOME and the like: texts or secrets.',
      type: 'object',
      additionalProperties: { anyOf: [{ type: 'string' }, SECRET] },
    },
    expiresIn: { ...SECONDS, description: 'The lifetime in seconds of a value whose source does not say it.' },
    refreshAhead: { type: 'number', minimum: 0, description: 'Seconds before the expiry at which a value is replaced.' },
    timeout: { ...SECONDS, maximum: 600, description: 'Seconds that a fetch may take. Default 30.' },
    quota: {
      description: 'At most `limit` fetches in `window` seconds (default a day), counted over all processes.',
      type: 'object',
      properties: { limit: { type: 'integer', minimum: 1 }, window: SECONDS },
      required: ['limit'],
      additionalProperties: false,
    },
    autoRefresh: {
      type: 'boolean',
      description: 'Replaces the value when it is due, even if nobody asks, in `agent` and `serve`.',
    },
    identity: { ...TEXT, description: 'Names the account behind the key.' },
    followOnly: { type: 'boolean', description: 'Never fetches: another process does. Default false.' },
  },
  additionalProperties: false,
} as const

/** The schema of a reference to a secret: `$defs/secret`. */
export const secretSchema = {
  description: 'Where a secret is: in the environment, in a file, or what a command prints. Never the secret itself.',
  type: 'object',
  properties: {
    env: { ...TEXT, description: 'The name of a variable of the environment.' },
    file: { ...TEXT, description: "A path, from the configuration's folder. Only its owner may use the file." },
    command: {
      ...COMMAND,
      description: 'A program and its arguments, run without a shell. Its standard output is the secret.',
    },
    environment: {
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'Variables for the command, beside PATH, HOME and the like.',
    },
  },
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 2,
} as const
