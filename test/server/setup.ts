import { createHash, randomBytes } from 'node:crypto'
import http from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Dog, Result } from '../../index.js'
import type { ClientConfig, DogServer, ServerOptions } from '../../src/server/index.js'
import { temporary } from '../support/children.js'
import '../support/built.js'

const require = createRequire(import.meta.url)
export const { createDog, memoryStore }: typeof import('../../index.js') = require('../../dist/index.js')
export const { createServer }: typeof import('../../src/server/index.js') = require('../../dist/server/index.js')

/** Starts real servers on real sockets, and sends requests to them. */

export const newToken = (): string => randomBytes(32).toString('base64url')

/** A client entry for the configuration, and its token. */
export function newClient(name: string, rights: Partial<ClientConfig> = {}): { token: string; config: ClientConfig } {
  const token = newToken()
  const tokenSha256 = createHash('sha256').update(token).digest('hex')
  return { token, config: { name, tokenSha256, keys: ['*'], refresh: true, ...rights } }
}

export interface Reply {
  status: number
  headers: http.IncomingHttpHeaders
  text: string
  json: Record<string, unknown>
  ms: number
}

export interface Asked {
  method?: string
  token?: string
  headers?: http.OutgoingHttpHeaders
  body?: string
  agent?: http.Agent
}

/** The address of a server, in the form that requests need. */
export function targetOf(address: string): { socketPath: string } | { host: string; port: number } {
  if (address.startsWith('unix:')) return { socketPath: address.slice(5) }
  const { hostname, port } = new URL(address)
  return { host: hostname, port: Number(port) }
}

export function ask(
  address: string,
  path: string,
  { method = 'GET', token, headers, body, agent }: Asked = {},
): Promise<Reply> {
  const began = performance.now()
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const type = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const options = { ...targetOf(address), path, method, agent, headers: { ...authorization, ...type, ...headers } }
  return new Promise((resolve, reject) => {
    const request = http.request(options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => (text += chunk))
      response.on('error', reject)
      response.on('end', () => {
        const isJson = /json/.test(response.headers['content-type'] ?? '') && text !== ''
        const json = isJson ? JSON.parse(text) : {}
        resolve({ status: response.statusCode!, headers: response.headers, text, json, ms: performance.now() - began })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** The fetcher's upstream: how often it was asked, and how it answers next. */
export interface Upstream {
  count: number
  delay: number
  expiresIn: number
  fail: Error | undefined
}

export interface Served {
  dog: Dog
  server: DogServer
  address: string
  upstream: Upstream
  ask: (path: string, asked?: Asked) => Promise<Reply>
}

/** A server with one key, TOKEN, whose n-th value is `secret-<n>-of-the-upstream`. */
export async function served(t: Test, options: ServerOptions = {}, tcp = options.clients !== undefined): Promise<Served> {
  const dog = options.dog ?? createDog({ store: memoryStore() })
  const upstream: Upstream = { count: 0, delay: 0, expiresIn: 7200, fail: undefined }
  dog.init('TOKEN', async (): Promise<Result> => {
    const value = `secret-${++upstream.count}-of-the-upstream`
    await new Promise((resolve) => setTimeout(resolve, upstream.delay))
    if (upstream.fail !== undefined) throw upstream.fail
    return { value, expiresIn: upstream.expiresIn }
  })
  const server = createServer({ ...options, dog })
  const dir = temporary((end) => t.teardown(end))
  const address = await server.listen(tcp ? { port: 0 } : { socketPath: join(dir, 's') })
  t.teardown(async () => {
    await server.close()
    await dog.close()
  })
  return { dog, server, address, upstream, ask: (path, asked) => ask(address, path, asked) }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until a condition holds. If it never does, the test ends by its own time-out. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pause(5)
}
