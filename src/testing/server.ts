// The platform on a loopback socket: listening, and what goes wrong on a wire. It deliberately knows nothing of tokens.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Fault, Faults } from './faults.js'
import type { Platform, PlatformAnswer } from './platform.js'

/** A request that was answered or failed on order. Holds no query and no body. */
export interface LogEntry {
  /** Epoch milliseconds. */
  at: number
  method: string
  path: string
  /** 0: the connection was cut. */
  status: number
  /** 0 is success; `undefined` where no JSON was sent. */
  errcode: number | undefined
  rid: string | undefined
  fault: Fault | undefined
}

export interface Wire {
  port: number
  /** Milliseconds before each answer. */
  delay: number
  /** Milliseconds before an answer that is `slow`. */
  slow: number
  now: () => number
}

export interface Listening {
  port: number
  log: LogEntry[]
  close(): Promise<void>
}

const PAGE = '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n'

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function ipOf(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? '127.0.0.1').replace(/^::ffff:/, '')
}

/** What goes over the wire: `undefined` instead of it cuts the connection. */
interface Reply {
  status: number
  type: string
  text: string
  answer?: PlatformAnswer
}

export async function listen(platform: Platform, faults: Faults, wire: Wire): Promise<Listening> {
  const log: LogEntry[] = []
  const timers = new Set<NodeJS.Timeout>()

  function reply(request: IncomingMessage, url: URL, body: string, fault: Fault | undefined): Reply | undefined {
    const unmeasured = request.method === 'POST' && request.headers['content-length'] === undefined
    if (unmeasured || fault === 'empty-412' || fault === 'html' || fault === 'drop') {
      platform.tally(url.pathname)
      if (fault === 'drop') return undefined
      return fault === 'html' ? { status: 502, type: 'text/html', text: PAGE } : { status: 412, type: 'text/plain', text: '' }
    }
    const answer = platform.answer(
      { method: request.method ?? 'GET', path: url.pathname, query: url.searchParams, body, ip: ipOf(request) },
      typeof fault === 'number' ? fault : undefined,
    )
    if (fault === 'drop-after-rotation') return undefined
    const json = JSON.stringify(answer.body)
    const text = fault === 'truncated' ? json.slice(0, json.length / 2) : json
    // The malformed type is the real one's.
    return { status: 200, type: fault === 'text/plain' ? 'text/plain' : 'application/json; encoding=utf-8', text, answer }
  }

  function later(milliseconds: number, task: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      task()
    }, milliseconds)
    timers.add(timer)
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request)
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const endpoint = platform.endpointOf(url.pathname)
    const fault = endpoint && faults.next(endpoint)
    // The work is done on arrival, and the wait comes after it: a slow token is one that has already rotated.
    const sent = reply(request, url, body, fault)
    log.push({
      at: wire.now(),
      method: request.method ?? 'GET',
      path: url.pathname,
      status: sent?.status ?? 0,
      errcode: sent?.answer?.errcode,
      rid: sent?.answer?.rid,
      fault,
    })
    later(fault === 'slow' ? wire.slow : wire.delay, () => {
      if (!sent) return void request.socket.destroy()
      response.writeHead(sent.status, { 'content-type': sent.type, 'content-length': Buffer.byteLength(sent.text) })
      response.end(sent.text)
    })
  }

  const server = createServer((request, response) => {
    // A client that goes away while it sends is none of our business.
    serve(request, response).catch(() => request.socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(wire.port, '127.0.0.1', resolve)
  })

  let closing: Promise<void> | undefined
  return {
    port: (server.address() as AddressInfo).port,
    log,
    close() {
      closing ??= new Promise((resolve) => {
        for (const timer of timers) clearTimeout(timer)
        timers.clear()
        server.close(() => resolve())
        server.closeAllConnections()
      })
      return closing
    },
  }
}
