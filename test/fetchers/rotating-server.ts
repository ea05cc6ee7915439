// An authorization server that rotates refresh tokens and knows no mercy: who uses one twice ends the
// whole family, as the best current practice for OAuth 2 has it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

interface LoginFamily {
  isAlive: boolean
  newest: string
}

export interface RotatingServer {
  url: string
  /** A login: the first refresh token of a new family. */
  logIn(): string
  /** Ends the family of a refresh token. */
  revoke(refresh: string): void
  /** The refresh tokens of the requests, in their order. */
  asked: string[]
  /** How often a refresh token was used that was not the newest of its family. */
  reuses: number
  /** Called before a request is handled, and before its answer is sent; a promise holds it back. */
  before?: (refresh: string) => unknown
  beforeAnswer?: (refresh: string) => unknown
  /** A request whose client is gone before it is handled is dropped. */
  dropHeld: boolean
  /** Seconds. */
  expiresIn: number
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request) text += chunk
  return new URLSearchParams(text)
}

export async function startRotatingServer(t: Test): Promise<RotatingServer> {
  const families = new Map<string, LoginFamily>()
  let last = 0
  const issue = (family: LoginFamily): string => {
    family.newest = `refresh-${++last}-of-the-server`
    families.set(family.newest, family)
    return family.newest
  }
  const refuse = (response: ServerResponse, error: string) => {
    response.writeHead(400, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error, error_description: `the refresh token is not valid` }))
  }
  const http = createServer(async (request, response) => {
    const form = await formOf(request)
    const used = form.get('refresh_token') ?? ''
    server.asked.push(used)
    await server.before?.(used)
    if (server.dropHeld && response.destroyed) return
    const family = families.get(used)
    if (form.get('grant_type') !== 'refresh_token' || family === undefined) return refuse(response, 'invalid_grant')
    if (family.isAlive && family.newest !== used) {
      server.reuses++
      family.isAlive = false
    }
    if (!family.isAlive) return refuse(response, 'invalid_grant')
    const refresh_token = issue(family)
    await server.beforeAnswer?.(used)
    // No token_type: an answer must not be lost over that.
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ access_token: `access-for-${refresh_token}`, refresh_token, expires_in: server.expiresIn }))
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    http.closeAllConnections()
    http.close()
  })
  const server: RotatingServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/token`,
    logIn: () => issue({ isAlive: true, newest: '' }),
    revoke: (refresh) => {
      families.get(refresh)!.isAlive = false
    },
    asked: [],
    reuses: 0,
    dropHeld: false,
    expiresIn: 3600,
  }
  return server
}
