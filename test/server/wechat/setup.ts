// Serves the WeChat routes from a bare HTTP server, in front of a fake platform. Both sides use
// real sockets.
import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, RequestOptions, Server } from 'node:http'
import * as http from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import findMyWay from 'find-my-way'
import type { Test } from 'tap'
import type { Client, Clients } from '../../../src/server/http/client.js'
import type { WeChatRoutesOptions } from '../../../src/server/wechat/index.js'
import '../../support/built.js'

const require = createRequire(import.meta.url)
export const { createDog, memoryStore }: typeof import('../../../index.js') = require('../../../dist/index.js')
export const { wechat }: typeof import('../../../src/wechat/index.js') = require('../../../dist/wechat/index.js')
export const { fakeWeChat }: typeof import('../../../src/testing/index.js') = require('../../../dist/testing/index.js')
export const {
  createServer,
  wechatRoutes,
}: typeof import('../../../src/server/index.js') = require('../../../dist/server/index.js')
export const { signJsapi }: typeof import('../../../src/wechat/index.js') = require('../../../dist/wechat/index.js')

export interface Known extends Partial<Client> {
  keys?: string[]
}

/** A list of clients, found by their tokens. They can be added and revoked. */
export function clientList() {
  const hash = (token: string) => createHash('sha256').update(token).digest('hex')
  const byHash = new Map<string, Client>()
  const clients: Clients = { find: (token) => byHash.get(hash(token)) }
  return {
    clients,
    add(name: string, { keys, ...rights }: Known = {}): string {
      const token = randomBytes(24).toString('base64url')
      byHash.set(hash(token), {
        ...{ name, mayRefresh: false, mayProxy: false, ...rights },
        mayRead: (key) => keys === undefined || keys.includes(key),
      })
      return token
    },
    revoke: (token: string) => byHash.delete(hash(token)),
  }
}

export async function listening(t: Test, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => void server.close(() => resolve()))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A minimal server that gives the routes what the real server gives them. */
export async function serve(t: Test, options: WeChatRoutesOptions): Promise<string> {
  const router = findMyWay()
  for (const { method, path, handle } of wechatRoutes(options)) {
    router.on(method, path, (request, response, params) => {
      const gone = new AbortController()
      response.once('close', () => gone.abort())
      const query = new URLSearchParams((request.url ?? '').split('?').slice(1).join('?'))
      const exchange = { request: request as IncomingMessage, response: response as never, params, query, client: undefined }
      handle({ ...exchange, signal: gone.signal }).catch((error: Error) => {
        t.fail(`a handler threw: ${error.stack}`)
        ;(response as { destroy(): void }).destroy()
      })
    })
  }
  const server = http.createServer((request, response) => router.lookup(request, response))
  return listening(t, server)
}

export type FakeOptions = Parameters<typeof fakeWeChat>[0]

export interface SetUp {
  fake?: FakeOptions
  stable?: boolean
  /** Where proxied calls go. Default: the fake platform. */
  baseUrl?: string
  limits?: WeChatRoutesOptions['limits']
}

export async function setUp(t: Test, { fake: fakeOptions, stable = false, baseUrl, limits }: SetUp = {}) {
  const fake = await fakeWeChat(fakeOptions)
  const dog = createDog({ store: memoryStore() })
  t.teardown(async () => {
    await dog.close()
    await fake.close()
  })
  const { appId, appSecret } = fake
  const wx = wechat({ appId, appSecret, baseUrl: fake.url, dog, stable })
  const { clients, add, revoke } = clientList()
  const refused: number[] = []
  let ahead = 0
  const url = await serve(t, {
    ...{ clients, limits, now: () => Date.now() + ahead, onRefused: (_, errcode) => void refused.push(errcode) },
    accounts: [{ appId, wx, baseUrl: baseUrl ?? fake.url }],
  })
  return {
    ...{ fake, dog, wx, url, add, revoke, refused, appId },
    /** Lets seconds pass for the routes, but not for the dog's values. */
    advance(seconds: number): void {
      ahead += seconds * 1000
    },
    token: (secret: string) => tokenOf(url, appId, secret),
    /** The errcodes that the platform answered to probes. */
    probes: () => fake.log.filter(({ path }) => path === '/cgi-bin/getcallbackip').map(({ errcode }) => errcode),
  }
}

/** Serves several accounts, or one account with both families of tokens. */
export async function serveAccounts(
  t: Test,
  accounts: readonly { appId: string; appSecret: string }[],
  families: readonly ('legacy' | 'stable')[],
) {
  const fake = await fakeWeChat({ accounts })
  const dog = createDog({ store: memoryStore() })
  t.teardown(async () => {
    await dog.close()
    await fake.close()
  })
  const served = accounts.flatMap((account) =>
    families.map((family) => {
      const prefix = `${account.appId}_${family}_`
      const wx = wechat({ ...account, baseUrl: fake.url, dog, prefix, stable: family === 'stable' })
      return { appId: account.appId, wx, baseUrl: fake.url }
    }),
  )
  const { clients, add, revoke } = clientList()
  let ahead = 0
  const url = await serve(t, { accounts: served, clients, now: () => Date.now() + ahead })
  return {
    ...{ fake, add, revoke, url, served },
    /** Lets seconds pass for the routes, but not for the dog's values. */
    advance(seconds: number): void {
      ahead += seconds * 1000
    },
  }
}

export interface Reply {
  status: number
  headers: IncomingMessage['headers']
  bytes: Buffer
  json: Record<string, unknown>
}

/** Sends a request unchanged; an HTTP client library would repair it. */
export function ask(url: string, target: string, options: RequestOptions = {}, body?: Buffer | string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const given = (options.headers ?? {}) as Record<string, string>
    const isMeasured = body !== undefined && given['transfer-encoding'] === undefined
    const headers = isMeasured ? { 'content-length': Buffer.byteLength(body), ...given } : given
    const request = http.request(url, { agent: false, ...options, headers, path: target })
    request.once('error', reject)
    request.once('response', async (response) => {
      try {
        const bytes = Buffer.concat(await response.toArray())
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, bytes, json: jsonOf(bytes) })
      } catch (error) {
        reject(error)
      }
    })
    request.end(body)
  })
}

function jsonOf(bytes: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(bytes.toString('utf8')) as Record<string, unknown>
  } catch {
    return {}
  }
}

export const post = (url: string, target: string, body: Buffer | string, headers = {}): Promise<Reply> =>
  ask(url, target, { method: 'POST', headers }, body)

const query = (parameters: Record<string, string>): string => `?${new URLSearchParams(parameters)}`

export const tokenPath = (appid: string, secret: string): string =>
  `/cgi-bin/token${query({ grant_type: 'client_credential', appid, secret })}`

export async function tokenOf(url: string, appid: string, secret: string) {
  const { json } = await ask(url, tokenPath(appid, secret))
  return json as { access_token: string; expires_in: number; errcode?: number; errmsg?: string }
}

export const stableOf = (url: string, body: object): Promise<Reply> =>
  post(url, '/cgi-bin/stable_token', JSON.stringify({ grant_type: 'client_credential', ...body }))

export { query }
