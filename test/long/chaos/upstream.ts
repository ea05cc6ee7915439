import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monotonic } from './workers.js'

/** A request of a fetcher. Times are milliseconds of the machine's monotonic clock. */
export interface UpstreamRequest {
  pid: number
  /** The fencing token in the name of the owner file when the fetcher was called. */
  fencingToken: number
  /** When the lock was taken, by the name of the owner file. */
  lockedAt: number
  /** The time-out of the fetch, by the name of the owner file. */
  timeoutMs: number
  /** When the fetcher was called, by its own clock. */
  calledAt: number
  arrivedAt: number
  /** When it was answered, or when the upstream saw that the connection was closed. */
  endedAt: number
  token: number
}

/** An endpoint of the upstream, with its own tokens. Each folder of a test has its own endpoint. */
export class UpstreamEndpoint {
  readonly requests: UpstreamRequest[] = []
  /** Milliseconds until the next response. */
  delayMs: () => number = () => 50
  /** Lifetime of a token, in seconds. */
  expiresIn = 7200
  /** Bytes that are appended to each token. */
  paddingBytes = 0
  url = ''
  #waiting: ((request: UpstreamRequest) => void)[] = []

  /** Resolves at the next request. */
  nextRequest(): Promise<UpstreamRequest> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  addRequest(request: UpstreamRequest): void {
    this.requests.push(request)
    for (const resolve of this.#waiting.splice(0)) resolve(request)
  }
}

/**
 * An upstream that rotates: every request to an endpoint makes a new token, `token-1`, `token-2`, …,
 * and only the newest is valid.
 */
export async function startUpstream(): Promise<{ endpoint(name: string): UpstreamEndpoint; close(): Promise<void> }> {
  const endpoints = new Map<string, UpstreamEndpoint>()
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const endpoint = endpoints.get(pathname)
    if (endpoint === undefined) return response.writeHead(404).end()
    const number = (name: string) => Number(searchParams.get(name))
    const received: UpstreamRequest = {
      pid: number('as'),
      fencingToken: number('fencingToken'),
      lockedAt: number('lockedAt'),
      timeoutMs: number('timeoutMs'),
      calledAt: number('calledAt'),
      arrivedAt: monotonic(),
      endedAt: Number.POSITIVE_INFINITY,
      token: endpoint.requests.length + 1,
    }
    response.on('close', () => {
      received.endedAt = Math.min(received.endedAt, monotonic())
    })
    setTimeout(() => {
      if (response.destroyed) return
      received.endedAt = monotonic()
      const value = `token-${received.token}-of-the-upstream${'.'.repeat(endpoint.paddingBytes)}`
      response.end(JSON.stringify({ value, expiresIn: endpoint.expiresIn }))
    }, endpoint.delayMs()).unref()
    endpoint.addRequest(received)
  })
  server.keepAliveTimeout = 1
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    endpoint(name) {
      const endpoint = new UpstreamEndpoint()
      endpoint.url = `${base}/${name}`
      endpoints.set(`/${name}`, endpoint)
      return endpoint
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** The number in a token's name. Newer tokens have higher numbers. */
export const tokenNumber = (value: unknown): number => Number(/^token-(\d+)-/.exec(String(value))?.[1] ?? Number.NaN)
