import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { DogError } from 'dotdog'
import type { Target } from './options.js'

/** Characters of an answer that are read: a value is at most 700,000 bytes. */
const LARGEST = 2 ** 20

export interface Call {
  method?: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: unknown
  /** Milliseconds until the answer must be there. */
  timeout: number
  signal?: AbortSignal
  /** Keeps no process alive. `onSent`: the request is on its way. */
  idle?: { onSent(): void }
}

export interface RemoteResponse {
  status: number
  /** Of the server's `Dotdog-Time`; epoch milliseconds. */
  time: number | undefined
  /** Seconds. */
  retryAfter: number | undefined
  body: Record<string, unknown>
  /** Epoch milliseconds here, when the request was sent and when its answer had come. */
  begun: number
  ended: number
}

type ParsedResponse = Omit<RemoteResponse, 'begun' | 'ended'>

/** No dot is left for a proxy to make sense of. */
export const pathOf = (key: string): string => `/v1/keys/${encodeURIComponent(key).replaceAll('.', '%2E')}`

/** Requests to the server: what went wrong on the way is a DogError without the URL; what the server says is its answer. */
export class HttpClient {
  readonly #target: Target
  #agent: Promise<{ request: (options: RequestOptions) => ClientRequest; end(): void }> | undefined

  constructor(target: Target) {
    this.#target = target
  }

  get place(): string {
    return this.#target.place
  }

  async ask(call: Call): Promise<RemoteResponse> {
    const { request } = await (this.#agent ??= agentOf(this.#target))
    const { where, base, token } = this.#target
    const text = call.body === undefined ? undefined : JSON.stringify(call.body)
    const headers = {
      accept: 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      ...call.headers,
    }
    const signals = [AbortSignal.timeout(call.timeout), ...(call.signal === undefined ? [] : [call.signal])]
    const options = {
      ...where,
      path: base + call.path,
      method: call.method ?? 'GET',
      headers,
      signal: AbortSignal.any(signals),
    }
    const begun = Date.now()
    try {
      const answer = await answerOf(request(options), text, call.idle)
      return { ...answer, begun, ended: Date.now() }
    } catch (error) {
      if (call.signal?.aborted) throw call.signal.reason
      throw this.fault(error, signals[0]!.aborted)
    }
  }

  fault(error: unknown, isLate = false): DogError {
    const { code } = error as { code?: unknown }
    const problem = isLate ? 'did not answer in time' : `cannot be reached${typeof code === 'string' ? ` (${code})` : ''}`
    return new DogError('ERR_DOG_STORE', `${this.place}: ${problem}`, { cause: error })
  }

  async close(): Promise<void> {
    const agent = this.#agent
    this.#agent = undefined
    ;(await agent)?.end()
  }
}

async function agentOf({ isSecure, ca }: Target) {
  const http = isSecure ? await import('node:https') : await import('node:http')
  const agent = new http.Agent({ keepAlive: true, ...(ca !== undefined && { ca }) })
  return {
    request: (options: RequestOptions) => http.request({ ...options, agent }),
    end: () => agent.destroy(),
  }
}

function answerOf(request: ClientRequest, text: string | undefined, idle: Call['idle']): Promise<ParsedResponse> {
  return new Promise((resolve, reject) => {
    request.on('error', reject)
    let isAnswered = false
    request.on('response', (response) => {
      isAnswered = true
      read(response).then(resolve, reject)
    })
    // Such as to go on with another protocol, which is no answer.
    request.on('close', () => !isAnswered && reject(new Error('no answer')))
    if (idle !== undefined) {
      request.on('socket', (socket) => {
        socket.unref()
        // A dead peer is noticed also while nothing is sent.
        socket.setKeepAlive(true, 5000)
        if (socket.connecting) socket.once('connect', idle.onSent)
        else idle.onSent()
      })
    }
    request.end(text)
  })
}

async function read(response: IncomingMessage): Promise<ParsedResponse> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) {
    text += chunk
    if (text.length > LARGEST) throw new Error('the answer is too large')
  }
  const time = Number(response.headers['dotdog-time'])
  const retryAfter = Number(response.headers['retry-after'])
  return {
    status: response.statusCode!,
    time: time > 0 ? time : undefined,
    retryAfter: retryAfter >= 0 ? retryAfter : undefined,
    body: objectOf(text),
  }
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
