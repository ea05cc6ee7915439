// What the upstream of each provider does, as far as its fetcher can see.
import { generateKeyPairSync } from 'node:crypto'
import {
  dingtalk,
  douyin,
  entra,
  feishu,
  githubApp,
  google,
  oauth2,
  qqBot,
  type Registration,
  wecom,
} from '../../src/fetchers/index.js'
import type { ReceivedRequest, Reply } from './setup.js'

export const SECRET = 'S3cret/of+the=app&more'
export const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

export interface Sample {
  name: string
  register(baseUrl: string): Registration
  path: string
  /** Whether a request has the right secret. */
  isRight(asked: ReceivedRequest): boolean
  good(token: string): Reply
  /** The response to a wrong secret, which repeats the secret, and what an error must say of it. */
  wrong: Reply
  says: { upstreamCode: string; status: number; retryAfter: number | undefined }
  /** What a call with a dead token throws. */
  dead: object
  /** What a call throws for a reason that does not concern the token. */
  other: object
  /** Seconds. */
  lifetime: number
  refreshAhead?: number
}

const isJwt = (text: unknown): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(String(text))
const echo = `not this secret: ${SECRET} ${encodeURIComponent(SECRET)}, see https://help.example.com/x?e=1&key=abc`

export const samples: Sample[] = [
  {
    name: 'wecom',
    register: (baseUrl) => wecom({ corpId: 'ww1', corpSecret: SECRET, agentId: 7, baseUrl }),
    path: '/cgi-bin/gettoken',
    isRight: ({ method, query }) => method === 'GET' && query.corpid === 'ww1' && query.corpsecret === SECRET,
    good: (access_token) => ({ body: { errcode: 0, errmsg: 'ok', access_token, expires_in: 7200 } }),
    wrong: { body: { errcode: 40001, errmsg: echo } },
    says: { upstreamCode: '40001', status: 200, retryAfter: 300 },
    dead: { errcode: 42001, errmsg: 'access_token expired' },
    other: { errcode: 40001 },
    lifetime: 7200,
  },
  {
    name: 'feishu',
    register: (baseUrl) => feishu({ appId: 'cli_1', appSecret: SECRET, baseUrl }),
    path: '/open-apis/auth/v3/tenant_access_token/internal',
    isRight: ({ method, body }) => method === 'POST' && body.app_id === 'cli_1' && body.app_secret === SECRET,
    good: (tenant_access_token) => ({ body: { code: 0, msg: 'ok', tenant_access_token, expire: 7199 } }),
    wrong: { body: { code: 10014, msg: echo } },
    says: { upstreamCode: '10014', status: 200, retryAfter: 60 },
    dead: { response: { status: 400, data: { code: 99991663, msg: 'Invalid access token' } } },
    other: { response: { status: 400, data: { code: 99991661 } } },
    lifetime: 7199,
    refreshAhead: 1500,
  },
  {
    name: 'dingtalk',
    register: (baseUrl) => dingtalk({ appKey: 'ding1', appSecret: SECRET, baseUrl }),
    path: '/v1.0/oauth2/accessToken',
    isRight: ({ method, body }) => method === 'POST' && body.appKey === 'ding1' && body.appSecret === SECRET,
    good: (accessToken) => ({ body: { accessToken, expireIn: 7200 } }),
    wrong: { status: 400, body: { code: 'invalidClientIdOrSecret', message: echo, requestid: 'r' } },
    says: { upstreamCode: 'invalidClientIdOrSecret', status: 400, retryAfter: 60 },
    dead: Object.assign(new Error('400'), { statusCode: 400, body: { code: 'InvalidAuthentication' } }),
    other: { errcode: 88, sub_code: '40035' },
    lifetime: 7200,
  },
  {
    name: 'douyin',
    register: (baseUrl) => douyin({ clientKey: 'tt1', clientSecret: SECRET, baseUrl }),
    path: '/oauth/client_token/',
    isRight: ({ body }) =>
      body.client_key === 'tt1' && body.client_secret === SECRET && body.grant_type === 'client_credential',
    good: (access_token) => ({
      body: { data: { access_token, expires_in: 7200, error_code: 0, description: '' }, message: 'success' },
    }),
    wrong: { body: { data: { error_code: 10013, description: echo }, message: 'error' } },
    says: { upstreamCode: '10013', status: 200, retryAfter: 60 },
    dead: { data: { error_code: 2190008, description: 'expired' } },
    other: { data: { error_code: 2190001 } },
    lifetime: 7200,
  },
  {
    name: 'qqBot',
    register: (baseUrl) => qqBot({ appId: '101', clientSecret: SECRET, baseUrl }),
    path: '/app/getAppAccessToken',
    isRight: ({ method, body }) => method === 'POST' && body.appId === '101' && body.clientSecret === SECRET,
    good: (access_token) => ({ body: { access_token, expires_in: '7200' } }),
    wrong: { body: { code: 100016, message: echo } },
    says: { upstreamCode: '100016', status: 200, retryAfter: 60 },
    dead: { status: 401 },
    other: { status: 403 },
    lifetime: 7200,
    refreshAhead: 50,
  },
  {
    name: 'githubApp',
    register: (baseUrl) => githubApp({ appId: 12, privateKey: pem, installationId: 34, baseUrl }),
    path: '/app/installations/34/access_tokens',
    isRight: ({ method, headers }) => method === 'POST' && isJwt(headers.authorization?.slice('Bearer '.length)),
    good: (token) => ({
      status: 201,
      body: { token, expires_at: new Date(Date.now() + 3600_000).toISOString(), permissions: {} },
    }),
    wrong: { status: 401, body: { message: 'A JSON web token could not be decoded', documentation_url: 'https://docs/x?y=z' } },
    says: { upstreamCode: '401', status: 401, retryAfter: 60 },
    dead: Object.assign(new Error('Bad credentials'), { status: 401, response: { data: { message: 'Bad credentials' } } }),
    other: { status: 404 },
    lifetime: 3600,
  },
  {
    name: 'oauth2',
    register: (url) => oauth2({ tokenUrl: `${url}/oauth/token?q=1`, clientId: 'c1', clientSecret: SECRET, scope: ['a', 'b'] }),
    path: '/oauth/token',
    isRight: ({ headers, body }) => {
      const [id, secret] = Buffer.from(headers.authorization!.slice('Basic '.length), 'base64').toString().split(':')
      const isClient = id === 'c1' && new URLSearchParams(`x=${secret}`).get('x') === SECRET
      return isClient && body.grant_type === 'client_credentials' && body.scope === 'a b'
    },
    good: (access_token) => ({ body: { access_token, token_type: 'Bearer', expires_in: 3600 } }),
    wrong: {
      status: 401,
      headers: { 'www-authenticate': 'Basic realm="x"' },
      body: { error: 'invalid_client', error_description: echo },
    },
    says: { upstreamCode: 'invalid_client', status: 401, retryAfter: 60 },
    dead: { status: 401 },
    other: { status: 403, error: 'insufficient_scope' },
    lifetime: 3600,
  },
  {
    name: 'entra',
    register: (baseUrl) =>
      entra({
        tenant: 'contoso',
        clientId: 'c1',
        clientSecret: SECRET,
        scope: 'https://graph.microsoft.com/.default',
        baseUrl,
      }),
    path: '/contoso/oauth2/v2.0/token',
    isRight: ({ headers, body }) =>
      headers.authorization === undefined && body.client_id === 'c1' && body.client_secret === SECRET,
    good: (access_token) => ({ body: { access_token, token_type: 'Bearer', expires_in: '3599', ext_expires_in: 3599 } }),
    wrong: { status: 400, body: { error: 'invalid_scope', error_description: echo } },
    says: { upstreamCode: 'invalid_scope', status: 400, retryAfter: 60 },
    dead: { response: { statusCode: 401, body: { error: 'invalid_token' } } },
    other: { response: { statusCode: 500 } },
    lifetime: 3599,
  },
  {
    name: 'google',
    register: (baseUrl) =>
      google({ credentials: { client_email: 'x@y.example', private_key: pem, private_key_id: 'k1' }, scope: 's', baseUrl }),
    path: '/token',
    isRight: ({ body }) => body.grant_type === 'urn:ietf:params:oauth:grant-type:jwt-bearer' && isJwt(body.assertion),
    good: (access_token) => ({ body: { access_token, token_type: 'Bearer', expires_in: 3599 } }),
    wrong: { status: 400, body: { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' } },
    says: { upstreamCode: 'invalid_grant', status: 400, retryAfter: 60 },
    dead: { status: 401 },
    other: { status: 429 },
    lifetime: 3599,
  },
]
