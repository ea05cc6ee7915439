/**
 * The platform's HTTP server. It applies the faults that concern the connection. It knows nothing of
 * tokens.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HttpReply } from './http-control.js'
import type { FakeRequest } from './model/fake-request.js'
import type { Fault, FaultQueue } from './model/faults.js'
import { checkIp } from './model/ip-whitelist.js'
import type { LogEntry } from './model/request-log.js'
import type { Platform } from './platform/platform.js'

export interface WireOptions {
  host: string
  port: number
  /** Delay of each response. */
  delayMs: number
  /** Delay of a response with the fault `slow`. */
  slowDelayMs: number
  /** The address of callers without the header `x-fake-client-ip`; `undefined`: the connection's. */
  clientIp: () => string | undefined
  onRequest: (entry: LogEntry) => void
  /** Handles requests to the fake itself. Returns `undefined` for all others. */
  control: (method: string, path: string, body: string) => HttpReply | undefined
}

export interface FakeServer {
  port: number
  close(): Promise<void>
}

const BAD_GATEWAY_PAGE =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n'

/** The connection of a longer body is cut. */
const MAX_BODY_BYTES = 1_000_000

/** @throws RangeError for a body that is too long. Leaving the loop destroys the connection. */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > MAX_BODY_BYTES) throw new RangeError(`the body has more than ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

/** Only the fake reads the header. The real platform takes the address of the connection. */
function clientIpOf(request: IncomingMessage, configured: string | undefined): string {
  const fromHeader = request.headers['x-fake-client-ip']
  return checkIp(fromHeader ?? configured ?? request.socket.remoteAddress ?? '127.0.0.1')
}

function send(response: ServerResponse, { status, type, text }: HttpReply, filename?: string): void {
  const disposition = filename === undefined ? {} : { 'content-disposition': `attachment; filename="${encodeURI(filename)}"` }
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text), ...disposition })
  response.end(text)
}

/** Starts to listen. Rejects with the system's error if the port cannot be used. */
export async function startFakeServer(platform: Platform, faults: FaultQueue, options: WireOptions): Promise<FakeServer> {
  const timers = new Set<NodeJS.Timeout>()

  /**
   * Processes a request. Returns the reply, or `undefined` if the connection is to be cut, and the
   * entry in the log.
   */
  function processRequest(
    request: FakeRequest,
    hasLength: boolean,
    fault: Fault | undefined,
  ): [HttpReply | undefined, LogEntry, filename?: string | undefined] {
    if (fault === 'drop') return [undefined, platform.record(request)]
    if (fault === 'html') return [{ status: 502, type: 'text/html', text: BAD_GATEWAY_PAGE }, platform.record(request)]
    if (fault === 'empty-412' || !hasLength) return [{ status: 412, type: 'text/plain', text: '' }, platform.record(request)]
    const { body, file, entry } = platform.respond(request, typeof fault === 'number' ? fault : undefined)
    if (fault === 'drop-after-rotation') return [undefined, entry]
    if (file !== undefined) {
      const bytes = fault === 'truncated' ? file.bytes.subarray(0, file.bytes.length / 2) : file.bytes
      return [{ status: 200, type: file.type, text: bytes }, entry, file.filename]
    }
    const json = JSON.stringify(body)
    const text = fault === 'truncated' ? json.slice(0, json.length / 2) : json
    // The real platform sends this malformed content type.
    const type = fault === 'text/plain' ? 'text/plain' : 'application/json; encoding=utf-8'
    return [{ status: 200, type, text }, entry]
  }

  function runLater(delayMs: number, task: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      task()
    }, delayMs)
    timers.add(timer)
  }

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const ip = clientIpOf(incoming, options.clientIp())
    const bytes = await readBody(incoming)
    const body = bytes.toString('utf8')
    const url = new URL(incoming.url ?? '/', 'http://127.0.0.1')
    const method = incoming.method ?? 'GET'
    const controlReply = options.control(method, url.pathname, body)
    if (controlReply) return send(response, controlReply)
    const isHttps = incoming.headers['x-forwarded-proto'] === 'https'
    const request = {
      method,
      path: url.pathname,
      query: url.searchParams,
      body,
      ip,
      isHttps,
      bytes,
      contentType: incoming.headers['content-type'],
    }
    const endpoint = platform.endpointOf(url.pathname)
    const fault = endpoint && faults.next(endpoint)
    // The request is processed when it comes, and the delay follows: a token whose response is slow
    // has already been rotated.
    const hasLength = method !== 'POST' || incoming.headers['content-length'] !== undefined
    const [reply, entry, filename] = processRequest(request, hasLength, fault)
    entry.fault = fault
    entry.status = reply?.status ?? 0
    if (fault === 'truncated' || fault === 'drop-after-rotation') entry.errcode = undefined
    options.onRequest(entry)
    runLater(fault === 'slow' ? options.slowDelayMs : options.delayMs, () => {
      if (!reply) return void response.destroy()
      send(response, reply, filename)
    })
  }

  const server = createServer((request, response) => {
    // Kept here, because an aborted request no longer has its socket.
    const { socket } = request
    // The client disconnected while it was sending, or it sent something that cannot be read.
    handle(request, response).catch(() => socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
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
