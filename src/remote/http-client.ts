import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { DogError } from 'dotdog'
import type { Target } from './options.js'

/** A longer response is refused. A value is at most 700,000 bytes. */
const MAX_RESPONSE_CHARS = 2 ** 20
/** A dead peer is noticed also while nothing is sent. */
const TCP_KEEP_ALIVE_MS = 5000

export interface RemoteRequest {
  method?: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: unknown
  /** The response must be complete after this time. */
  timeoutMs: number
  signal?: AbortSignal
  /** The request does not keep the process alive. `onSent`: it is on its way. */
  background?: { onSent(): void }
}

export interface RemoteResponse {
  status: number
  /** The server's clock (`Dotdog-Time`); epoch milliseconds. */
  serverTime: number | undefined
  /** Seconds. */
  retryAfter: number | undefined
  body: Record<string, unknown>
  /** By the clock of this machine, when the request was sent; epoch milliseconds. */
  sentAt: number
  /** By the clock of this machine, when the response was complete; epoch milliseconds. */
  receivedAt: number
}

type ParsedResponse = Omit<RemoteResponse, 'sentAt' | 'receivedAt'>

/** The path of a key. Dots are encoded, so that no proxy takes `..` for a path. */
export const pathOf = (key: string): string => `/v1/keys/${encodeURIComponent(key).replaceAll('.', '%2E')}`

interface KeepAliveAgent {
  request(options: RequestOptions): ClientRequest
  destroy(): void
}

/**
 * Sends requests to the server. A failure on the way is a DogError that does not show the URL.
 * Whatever the server answers is a response, whatever its status.
 */
export class HttpClient {
  readonly #target: Target
  #agent: Promise<KeepAliveAgent> | undefined

  constructor(target: Target) {
    this.#target = target
  }

  get endpoint(): string {
    return this.#target.endpoint
  }

  /** @throws DogError if there is no response in time, or the reason of `signal`. */
  async send({ method = 'GET', path, headers, body, timeoutMs, signal, background }: RemoteRequest): Promise<RemoteResponse> {
    const agent = await (this.#agent ??= createAgent(this.#target))
    const { address, basePath, token } = this.#target
    const text = body === undefined ? undefined : JSON.stringify(body)
    const timeout = AbortSignal.timeout(timeoutMs)
    const options = {
      ...address,
      path: basePath + path,
      method,
      headers: {
        accept: 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        ...headers,
      },
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    }
    const sentAt = Date.now()
    try {
      const response = await responseOf(agent.request(options), text, background)
      return { ...response, sentAt, receivedAt: Date.now() }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw this.#error(error, timeout.aborted)
    }
  }

  #error(error: unknown, isTimeout: boolean): DogError {
    const { code } = error as { code?: unknown }
    const problem = isTimeout ? 'did not answer in time' : `cannot be reached${typeof code === 'string' ? ` (${code})` : ''}`
    return new DogError('ERR_DOG_STORE', `${this.endpoint}: ${problem}`, { cause: error })
  }

  async close(): Promise<void> {
    const agent = this.#agent
    this.#agent = undefined
    ;(await agent)?.destroy()
  }
}

async function createAgent({ isSecure, ca }: Target): Promise<KeepAliveAgent> {
  const http = isSecure ? await import('node:https') : await import('node:http')
  const agent = new http.Agent({ keepAlive: true, ...(ca !== undefined && { ca }) })
  return {
    request: (options) => http.request({ ...options, agent }),
    destroy: () => agent.destroy(),
  }
}

function responseOf(
  request: ClientRequest,
  body: string | undefined,
  background: RemoteRequest['background'],
): Promise<ParsedResponse> {
  return new Promise((resolve, reject) => {
    request.on('error', reject)
    let hasResponse = false
    request.on('response', (response) => {
      hasResponse = true
      parse(response).then(resolve, reject)
    })
    // The server may switch to another protocol, which is no response.
    request.on('close', () => !hasResponse && reject(new Error('no response')))
    if (background !== undefined) {
      request.on('socket', (socket) => {
        socket.unref()
        socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS)
        if (socket.connecting) socket.once('connect', background.onSent)
        else background.onSent()
      })
    }
    request.end(body)
  })
}

async function parse(response: IncomingMessage): Promise<ParsedResponse> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) {
    text += chunk
    if (text.length > MAX_RESPONSE_CHARS) throw new Error('the response is too large')
  }
  const serverTime = Number(response.headers['dotdog-time'])
  const retryAfter = Number(response.headers['retry-after'])
  return {
    status: response.statusCode!,
    serverTime: serverTime > 0 ? serverTime : undefined,
    retryAfter: retryAfter >= 0 ? retryAfter : undefined,
    body: parseObject(text),
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
