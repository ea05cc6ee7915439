import { keySchema, secretSchema } from '../../keys/schema.js'
import type { SchemaNode } from './schema-node.js'

/**
 * The one schema of the configuration: the validator walks it, `dotdog config schema` prints it,
 * and `dotdog.schema.json` is made of it for editors.
 */

const TEXT = { type: 'string', minLength: 1 } as const
const TEXTS = { type: 'array', items: { type: 'string' }, errorMessage: 'must be a list of strings' } as const

const SECRET_RULE =
  'must be {"env": "NAME"}, {"file": "path"} or {"command": ["program", …]}, not the secret itself: ' +
  'a configuration is copied, mailed and committed'

const secret: SchemaNode = {
  ...secretSchema,
  oneOf: [{ required: ['env'] }, { required: ['file'] }, { required: ['command'] }],
  errorMessage: SECRET_RULE,
}

const SECRET: SchemaNode = { $ref: '#/$defs/secret' }

const STORE_RULE =
  'must be a URL like redis://host:6379, postgres://host/database, mysql://host/database, dotdog+https://host or dotdog+unix:/path, without a password'
/** No user with a password stands before the `@`. A URL with one goes into the environment or a file as a whole. */
const storeUrl: SchemaNode = {
  type: 'string',
  pattern:
    '^(rediss?|postgres(ql)?|mysql|dotdog\\+https?|dotdog\\+unix):(?!//[^/?#]*:[^/?#]*@)[^?#]+(\\?(?!.*password)[^#]*)?$',
  errorMessage: STORE_RULE,
}

const store: SchemaNode = {
  description: 'Where values are kept in place of a folder.',
  errorMessage: `${STORE_RULE}; or {"url": …, "password": {"env": …}}; or {"env": …} for the whole URL`,
  anyOf: [
    storeUrl,
    {
      type: 'object',
      properties: {
        url: storeUrl,
        password: SECRET,
        token: SECRET,
        ca: { ...TEXT, description: 'A file with certificates to trust, in PEM.' },
      },
      required: ['url'],
      additionalProperties: false,
    },
    SECRET,
  ],
}

const listen: SchemaNode = {
  description: 'Where and how `dotdog serve` listens.',
  type: 'object',
  properties: {
    socket: { ...TEXT, description: 'The path of a unix socket.' },
    port: { type: 'number', description: 'A TCP port; 0 takes any free one.' },
    host: { ...TEXT, description: 'The address to listen at, with a port. Default 127.0.0.1.' },
    hosts: { ...TEXTS, description: 'Names of the server, besides those of the loopback.' },
    behindProxy: { type: 'boolean', description: "A proxy in front has TLS, and names the clients' addresses." },
    tlsCert: { ...TEXT, description: "The server's certificate, in PEM." },
    tlsKey: { ...TEXT, description: 'The key of the certificate, in PEM.' },
    socketMode: { ...TEXT, description: 'The mode of the socket, such as "0660". Default "0600".' },
    socketGroup: { ...TEXT, description: 'The group of the socket.' },
  },
  additionalProperties: false,
}

const account: SchemaNode = {
  type: 'object',
  properties: {
    appId: TEXT,
    appSecret: SECRET,
    stable: { type: 'boolean', description: 'Uses stable tokens. Default false.' },
    prefix: { ...TEXT, description: "Put before the names of the account's keys." },
    baseUrl: { ...TEXT, description: 'Where the platform is. Default https://api.weixin.qq.com.' },
  },
  required: ['appId', 'appSecret'],
  additionalProperties: false,
}

/** The server checks what the members must be. */
const client: SchemaNode = {
  type: 'object',
  properties: {
    name: { description: '1 to 64 visible ASCII characters.' },
    tokenSha256: { description: "The 64 hex digits of the token's SHA-256, as `dotdog token` prints them." },
    keys: { description: 'The keys that it may read: names, "*", or prefixes such as "WX_*".' },
    refresh: { description: 'Whether it may ask for a new value.' },
    proxy: { description: 'Whether it may call the platform through the server.' },
    expires: { description: 'When the token ends: an ISO date or epoch milliseconds.' },
  },
  additionalProperties: false,
}

export const schema: SchemaNode = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://unpkg.com/dotdog/dotdog.schema.json',
  title: 'The configuration of dotdog',
  type: 'object',
  properties: {
    $schema: { type: 'string', description: 'The path or URL of this schema, for editors.' },
    dir: { ...TEXT, description: 'The folder of the .dog files. Default: `.dog` beside the configuration.' },
    store: { $ref: '#/$defs/store' },
    encryptionKey: {
      description: '64 hex digits that encrypt the values at rest. Of a list the first writes and all read.',
      errorMessage: `${SECRET_RULE}; or a list of those`,
      anyOf: [SECRET, { type: 'array', items: SECRET, minItems: 1 }],
    },
    keys: {
      description: 'The keys by name, and how each is fetched.',
      type: 'object',
      additionalProperties: { $ref: '#/$defs/key' },
    },
    listen,
    module: { ...TEXT, description: 'A module of yours that registers keys with a dog.' },
    wechat: { description: 'WeChat accounts.', type: 'array', items: account },
    clients: { description: 'The clients of `dotdog serve`.', type: 'array', items: client },
  },
  additionalProperties: false,
  $defs: { secret, store, key: keySchema as unknown as SchemaNode },
}
