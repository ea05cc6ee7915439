// The platform on a socket: listening, and what goes wrong on a wire. It deliberately knows nothing of tokens.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { PlatformRequest } from './model/fake-request.js'
import type { Fault, Faults } from './model/faults.js'
import { checkIp } from './model/ip-whitelist.js'
import type { LogEntry } from './model/request-log.js'
import type { Platform } from './platform/platform.js'

export interface Wire {
  host: string
  port: number
  /** Milliseconds before each answer. */
  delay: number
  /** Milliseconds before an answer that is `slow`. */
  slow: number
  /** The caller's address where no header says otherwise. Default: the connection's. */
  clientIp: () => string | undefined
  onRequest: (entry: LogEntry) => void
  /** Answers what is meant for the fake itself, and `undefined` to everything else. */
  control: (method: string, path: string, body: string) => Reply | undefined
}

export interface Listening {
  port: number
  close(): Promise<void>
}

const PAGE = '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n'

/** A body over this is cut off with its connection. */
const LARGEST = 1_000_000

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > LARGEST) throw new RangeError('the body is too large')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The headers are honoured by the fake only: the real platform looks at the connection. */
function ipOf(request: IncomingMessage, standard: string | undefined): string {
  const named = request.headers['x-fake-client-ip']
  return checkIp(named ?? standard ?? request.socket.remoteAddress ?? '127.0.0.1')
}

/** What goes over the wire. */
export interface Reply {
  status: number
  type: string
  text: string
}

function send(response: ServerResponse, { status, type, text }: Reply): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

export async function listen(platform: Platform, faults: Faults, wire: Wire): Promise<Listening> {
  const timers = new Set<NodeJS.Timeout>()

  /** What becomes of a request (`undefined`: the connection is cut), and what the log says of it. */
  function decide(request: PlatformRequest, measured: boolean, fault: Fault | undefined): [Reply | undefined, LogEntry] {
    if (fault === 'drop') return [undefined, platform.note(request)]
    if (fault === 'html') return [{ status: 502, type: 'text/html', text: PAGE }, platform.note(request)]
    if (fault === 'empty-412' || !measured) return [{ status: 412, type: 'text/plain', text: '' }, platform.note(request)]
    const answer = platform.answer(request, typeof fault === 'number' ? fault : undefined)
    if (fault === 'drop-after-rotation') return [undefined, answer.entry]
    const json = JSON.stringify(answer.body)
    const text = fault === 'truncated' ? json.slice(0, json.length / 2) : json
    // The malformed type is the real one's.
    const type = fault === 'text/plain' ? 'text/plain' : 'application/json; encoding=utf-8'
    return [{ status: 200, type, text }, answer.entry]
  }

  function later(milliseconds: number, task: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      task()
    }, milliseconds)
    timers.add(timer)
  }

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const ip = ipOf(incoming, wire.clientIp())
    const body = await textOf(incoming)
    const url = new URL(incoming.url ?? '/', 'http://127.0.0.1')
    const method = incoming.method ?? 'GET'
    const controlled = wire.control(method, url.pathname, body)
    if (controlled) return send(response, controlled)
    const secure = incoming.headers['x-forwarded-proto'] === 'https'
    const request = { method, path: url.pathname, query: url.searchParams, body, ip, secure }
    const endpoint = platform.endpointOf(url.pathname)
    const fault = endpoint && faults.next(endpoint)
    // The work is done on arrival, and the wait comes after it: a slow token is one that has already rotated.
    const measured = method !== 'POST' || incoming.headers['content-length'] !== undefined
    const [reply, entry] = decide(request, measured, fault)
    entry.fault = fault
    entry.status = reply?.status ?? 0
    if (fault === 'truncated' || fault === 'drop-after-rotation') entry.errcode = undefined
    wire.onRequest(entry)
    later(fault === 'slow' ? wire.slow : wire.delay, () => {
      if (!reply) return void response.destroy()
      send(response, reply)
    })
  }

  const server = createServer((request, response) => {
    // A request that was given up has no socket any more.
    const { socket } = request
    // A client that goes away while it sends, or sends nonsense, is none of our business.
    serve(request, response).catch(() => socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(wire.port, wire.host, resolve)
  })

  let closing: Promise<void> | undefined
  return {
    port: (server.address() as AddressInfo).port,
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
