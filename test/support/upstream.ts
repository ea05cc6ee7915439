import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * An upstream that rotates its token: every request makes a new one, `token-1`, `token-2`, … and
 * only the newest is good. It records requests that overlap, as two living processes must never
 * fetch at the same time.
 */
export interface Upstream {
  url: string
  /** Number of tokens made so far. */
  count: number
  /** Pairs of pids whose requests were under way at the same time. */
  overlaps: string[]
  /** When each answer was sent and each request arrived, in milliseconds of `performance.now`. */
  answeredAt: number[]
  askedAt: number[]
  /** Milliseconds between a request and its answer. */
  delay: number
  /** Lifetime of a token, in seconds. */
  expiresIn: number
  /** Number of requests that fail from now on. */
  failures: number
  /** Set to 1 to make the newest token invalid; 0 again once the next token is made. */
  killed: number
  /** While true, every answer has the same token. */
  sticky: boolean
  /** Resolves at the next request, with the pid that made it. */
  asked(): Promise<string>
  close(): Promise<void>
}

export async function startUpstream(options: { delay?: number; expiresIn?: number } = {}): Promise<Upstream> {
  const underWay = new Set<string>()
  let waiting: ((pid: string) => void)[] = []
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/call') {
      const isNewest = tokenNumber(searchParams.get('token')) === upstream.count + upstream.killed
      return response.end(JSON.stringify({ errcode: isNewest ? 0 : 40001 }))
    }
    const pid = searchParams.get('pid') ?? '?'
    const failing = upstream.failures > 0 && upstream.failures-- > 0
    upstream.count++
    upstream.killed = 0
    const token = `token-${upstream.sticky ? 1 : upstream.count}-of-the-upstream`
    upstream.askedAt.push(performance.now())
    for (const other of underWay) upstream.overlaps.push(`${other}+${pid}`)
    underWay.add(pid)
    for (const resolve of waiting) resolve(pid)
    waiting = []
    response.on('close', () => underWay.delete(pid))
    setTimeout(() => {
      underWay.delete(pid)
      if (response.destroyed) return
      upstream.answeredAt.push(performance.now())
      if (failing) response.end('{"half":')
      else response.end(JSON.stringify({ value: token, expiresIn: upstream.expiresIn }))
    }, upstream.delay).unref()
  })
  server.keepAliveTimeout = 1
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const upstream: Upstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    count: 0,
    overlaps: [],
    answeredAt: [],
    askedAt: [],
    delay: options.delay ?? 100,
    expiresIn: options.expiresIn ?? 7200,
    failures: 0,
    killed: 0,
    sticky: false,
    asked: () => new Promise((resolve) => waiting.push(resolve)),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return upstream
}

/** The number in a token's name, which orders tokens. NaN if the value is no token. */
export const tokenNumber = (value: unknown): number => Number(/^token-(\d+)-/.exec(String(value))?.[1] ?? Number.NaN)
