/**
 * One HTTP request to an upstream, and its response as text, bytes or a stream. No redirect is
 * followed: it would carry a secret to the host that the redirect names. The size of the response
 * is limited. A proxy that the environment names is used.
 *
 * An error of an HTTP client never leaves this file. Clients attach the URL to their errors, and
 * the URL may carry a secret, as the URL of a proxy may. What leaves is an `HttpFailure`.
 */
import type { Dispatcher } from 'undici'
import { type ProxyVariables, proxyVariables } from './proxy.js'

export interface HttpRequest {
  method: string
  /** With its query, which may be a secret. */
  url: string
  headers?: Readonly<Record<string, string>>
  /** Complete, so that its length is known: WeChat and some gateways refuse a chunked body. */
  body?: string | Uint8Array
  signal: AbortSignal
}

export interface HttpResponse {
  status: number
  /** By their names in lower case. */
  headers: HttpHeaders
  text: string
}

export type HttpHeaders = Readonly<Record<string, string | undefined>>

/**
 * - `timeout`: the signal aborted because the time was over.
 * - `aborted`: the signal aborted for another reason.
 * - `transport`: the connection failed.
 * - `too-long`: the response has more bytes than allowed.
 */
export type HttpFailureKind = 'timeout' | 'aborted' | 'transport' | 'too-long'

/**
 * There is no whole response. Its message is one of our own sentences, without URL or upstream
 * text.
 */
export class HttpFailure extends Error {
  constructor(
    readonly kind: HttpFailureKind,
    message: string,
  ) {
    super(message)
  }
}

/** A response whose body has not been read yet. */
export interface OpenResponse {
  status: number
  headers: HttpHeaders
  chunks: AsyncIterable<Uint8Array>
}

/** Sends one request. May reject with any error, which `exchange` then replaces. */
export type HttpClient = (request: HttpRequest) => Promise<OpenResponse>

type Undici = typeof import('undici')

/** The agent of the proxies that were used last. They seldom change while a process runs. */
let proxies: { variables: string; agent: Dispatcher } | undefined

/** @throws HttpFailure if a variable holds no URL of a proxy. */
function agentOf({ EnvHttpProxyAgent }: Undici, used: ProxyVariables): Dispatcher {
  const variables = JSON.stringify(used)
  if (proxies?.variables === variables) return proxies.agent
  try {
    // Without a tunnel for http: URLs, because many proxies allow one to port 443 only.
    proxies = { variables, agent: new EnvHttpProxyAgent({ ...used, proxyTunnel: false }) }
  } catch {
    throw new HttpFailure('transport', 'HTTP_PROXY or HTTPS_PROXY is not the URL of a proxy')
  }
  return proxies.agent
}

/**
 * By the package `undici`. It sends no header that was not given, and asks for no compression. It
 * is loaded by the first request.
 */
export const undiciClient: HttpClient = async ({ method, url, headers = {}, body = null, signal }) => {
  const undici = await import('undici')
  const used = proxyVariables(url)
  const {
    statusCode,
    headers: received,
    body: chunks,
  } = await undici.request(url, {
    method: method as 'GET',
    headers: { ...headers },
    body,
    signal,
    ...(used !== undefined && { dispatcher: agentOf(undici, used) }),
  })
  return { status: statusCode, headers: received as HttpHeaders, chunks }
}

/**
 * By Node's own `fetch`. Its first use costs a process about a third of the time that loading the
 * package `undici` costs (64 ms against 216 ms on a busy machine with two cores). It knows no
 * proxies: with one, the request goes by `undici`.
 */
export const nodeClient: HttpClient = async (request) => {
  const { method, url, headers = {}, body = null, signal } = request
  if (proxyVariables(url) !== undefined) return undiciClient(request)
  const response = await fetch(url, { method, headers, body, signal, redirect: 'manual' })
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    chunks: (response.body ?? []) as AsyncIterable<Uint8Array>,
  }
}

/**
 * Sends a request and reads the whole response as UTF-8, whatever its status and content type.
 *
 * @param maxBytes a longer response is given up while it is read
 * @throws HttpFailure if there is no whole response.
 */
export async function exchange(request: HttpRequest & { maxBytes: number }, client: HttpClient): Promise<HttpResponse> {
  const { maxBytes, ...rest } = request
  const { status, headers, chunks } = await openExchange(rest, client)
  return { status, headers, text: new TextDecoder().decode(await readBytes(chunks, maxBytes)) }
}

/**
 * Sends a request and returns its response unread. Reading the chunks rejects with an HttpFailure.
 *
 * @throws HttpFailure if there is no response.
 */
export async function openExchange(request: HttpRequest, client: HttpClient): Promise<OpenResponse> {
  try {
    const response = await client(request)
    return { ...response, chunks: withFailures(response.chunks, request) }
  } catch (error) {
    throw failureOf(error, request)
  }
}

async function* withFailures(chunks: AsyncIterable<Uint8Array>, request: HttpRequest): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch (error) {
    throw failureOf(error, request)
  }
}

/** @throws HttpFailure `too-long` for more than `maxBytes`. */
export async function readBytes(chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const read: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new HttpFailure('too-long', `the response is longer than ${maxBytes} bytes`)
    read.push(chunk)
  }
  return Buffer.concat(read)
}

/** A new error. Of the client's error only the code is kept, and only if it looks like one. */
function failureOf(error: unknown, { url, signal }: HttpRequest): HttpFailure {
  if (error instanceof HttpFailure) return error
  if (signal.aborted) {
    const { name, code } = Object(signal.reason) as { name?: unknown; code?: unknown }
    // AbortSignal.timeout names its reason TimeoutError. A dog aborts a fetch with its own error.
    return name === 'TimeoutError' || code === 'ERR_DOG_FETCH_TIMEOUT'
      ? new HttpFailure('timeout', 'no response in time')
      : new HttpFailure('aborted', 'the request was aborted')
  }
  const { code, cause } = Object(error) as { code?: unknown; cause?: unknown }
  const known = [code, Object(cause).code].find((one) => typeof one === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(one))
  const isProxied = proxyVariables(url) !== undefined
  // By this code undici says that a proxy opened no tunnel, such as without a password.
  const problem = isProxied && known === 'UND_ERR_ABORTED' ? 'the proxy refused the connection' : 'the connection failed'
  const details = [...(isProxied ? ['a proxy is set'] : []), ...(known === undefined ? [] : [known])]
  return new HttpFailure('transport', `${problem}${details.length === 0 ? '' : ` (${details.join(', ')})`}`)
}
