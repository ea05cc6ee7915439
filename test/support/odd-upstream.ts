import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** An upstream whose every answer is given by hand, in any order. Each request rotates: only the newest token is good. */
export interface Asked {
  number: number
  token: string
  /** Answers with the token that was made for this request, or with something else. */
  answer(body?: unknown): void
  /** Cuts the connection: the token is made, and nobody is told. */
  drop(): void
}

export interface OddUpstream {
  url: string
  requests: Asked[]
  /** Answers at once from now on, until it is set back. */
  automatic: boolean
  /** The n-th request, from 1, when it is there. */
  request(number: number): Promise<Asked>
}

export async function oddUpstream(t: Test, expiresIn = 7200): Promise<OddUpstream> {
  const waiting: Array<() => void> = []
  const server = createServer((_request, response: ServerResponse) => {
    const number = upstream.requests.length + 1
    const token = `token-${number}-of-the-upstream`
    const asked: Asked = {
      number,
      token,
      answer: (body = { value: token, expiresIn }) => response.end(JSON.stringify(body)),
      drop: () => response.destroy(),
    }
    upstream.requests.push(asked)
    if (upstream.automatic) asked.answer()
    for (const wake of waiting.splice(0)) wake()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  const upstream: OddUpstream = {
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
