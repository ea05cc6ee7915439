import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monotonic } from './workers.js'

/** One request, as it came. Times are the machine's monotonic milliseconds. */
export interface Asked {
  pid: number
  /** The number of the take, its time and its time-out (ms), as the owner file's name said when the fetcher was called. */
  number: number
  since: number
  timeout: number
  /** When the fetcher was called, by itself. */
  call: number
  arrived: number
  /** When it was answered, or its end was seen. */
  ended: number
  token: number
}

/** A place at the upstream: each folder of a test has its own, with its own tokens. */
export class Desk {
  readonly asked: Asked[] = []
  /** Milliseconds until the answer. */
  delay: () => number = () => 50
  /** Seconds. */
  expiresIn = 7200
  /** Bytes that a value is longer than its name. */
  padding = 0
  url = ''
  #waiting: ((asked: Asked) => void)[] = []

  /** Resolves at the next request. */
  next(): Promise<Asked> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  came(asked: Asked): void {
    this.asked.push(asked)
    for (const resolve of this.#waiting.splice(0)) resolve(asked)
  }
}

/** A rotating upstream: every request makes a new token of its desk, `token-1`, `token-2`, … and only the newest is good. */
export async function startUpstream(): Promise<{ desk(name: string): Desk; close(): Promise<void> }> {
  const desks = new Map<string, Desk>()
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const desk = desks.get(pathname)
    if (desk === undefined) return response.writeHead(404).end()
    const number = (name: string) => Number(searchParams.get(name))
    const asked: Asked = {
      ...{ pid: number('as'), number: number('number'), since: number('since'), timeout: number('timeout') },
      ...{ call: number('call'), arrived: monotonic(), ended: Number.POSITIVE_INFINITY, token: desk.asked.length + 1 },
    }
    response.on('close', () => {
      asked.ended = Math.min(asked.ended, monotonic())
    })
    setTimeout(() => {
      if (response.destroyed) return
      asked.ended = monotonic()
      const value = `token-${asked.token}-of-the-upstream${'.'.repeat(desk.padding)}`
      response.end(JSON.stringify({ value, expiresIn: desk.expiresIn }))
    }, desk.delay()).unref()
    desk.came(asked)
  })
  server.keepAliveTimeout = 1
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    desk(name) {
      const desk = new Desk()
      desk.url = `${base}/${name}`
      desks.set(`/${name}`, desk)
      return desk
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** The number in a token's name: tokens are ordered by it. */
export const tokenNumber = (value: unknown): number => Number(/^token-(\d+)-/.exec(String(value))?.[1] ?? Number.NaN)
