import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** A request that waits for its answer. */
export interface HeldRequest {
  number: number
  token: string
  /** Sends the token that was made for this request, or another body. */
  answer(body?: unknown): void
  /** Cuts the connection: the token was made, and no client learns it. */
  drop(): void
}

/**
 * An upstream that answers a request when the test says so, in any order. Each request makes a new
 * token, and only the newest token is good.
 */
export interface ManualUpstream {
  url: string
  requests: HeldRequest[]
  /** While true, every new request is answered at once. */
  automatic: boolean
  /** Resolves with the n-th request, counted from 1, once it has arrived. */
  request(number: number): Promise<HeldRequest>
}

export async function startManualUpstream(t: Test, expiresIn = 7200): Promise<ManualUpstream> {
  const waiting: Array<() => void> = []
  const server = createServer((_request, response: ServerResponse) => {
    const number = upstream.requests.length + 1
    const token = `token-${number}-of-the-upstream`
    const held: HeldRequest = {
      number,
      token,
      answer: (body = { value: token, expiresIn }) => response.end(JSON.stringify(body)),
      drop: () => response.destroy(),
    }
    upstream.requests.push(held)
    if (upstream.automatic) held.answer()
    for (const wake of waiting.splice(0)) wake()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  const upstream: ManualUpstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests: [],
    automatic: false,
    async request(number) {
      while (upstream.requests.length < number) await new Promise<void>((resolve) => waiting.push(resolve))
      return upstream.requests[number - 1]!
    },
  }
  return upstream
}
