/**
 * One HTTP request to an upstream, and its whole response as text. No redirect is followed: it
 * would carry a secret to the host that the redirect names. The size of the response is limited.
 *
 * An error of an HTTP client never leaves this file. Clients attach the URL to their errors, and
 * the URL may carry a secret. What leaves is an `HttpFailure`.
 */

export interface HttpRequest {
  method: string
  /** With its query, which may be a secret. */
  url: string
  headers?: Readonly<Record<string, string>>
  /** A string, so that its length is known: WeChat and some gateways refuse a chunked body. */
  body?: string
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
interface OpenResponse {
  status: number
  headers: HttpHeaders
  chunks: AsyncIterable<Uint8Array>
}

/** Sends one request. May reject with any error, which `exchange` then replaces. */
export type HttpClient = (request: HttpRequest) => Promise<OpenResponse>

/**
 * By the package `undici`. It sends no header that was not given, and asks for no compression. It
 * is loaded by the first request.
 */
export const undiciClient: HttpClient = async ({ method, url, headers = {}, body = null, signal }) => {
  const undici = await import('undici')
  const {
    statusCode,
    headers: received,
    body: chunks,
  } = await undici.request(url, {
    method: method as 'GET',
    headers: { ...headers },
    body,
    signal,
  })
  return { status: statusCode, headers: received as HttpHeaders, chunks }
}

/**
 * By Node's own `fetch`. Its first use costs a process about a third of the time that loading the
 * package `undici` costs (64 ms against 216 ms on a busy machine with two cores).
 */
export const nodeClient: HttpClient = async ({ method, url, headers = {}, body = null, signal }) => {
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
  try {
    const { status, headers, chunks } = await client(rest)
    return { status, headers, text: await readText(chunks, maxBytes) }
  } catch (error) {
    throw error instanceof HttpFailure ? error : failureOf(error, request.signal)
  }
}

async function readText(chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder()
  let bytes = 0
  let text = ''
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new HttpFailure('too-long', `the response is longer than ${maxBytes} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** A new error. Of the client's error only the code is kept, and only if it looks like one. */
function failureOf(error: unknown, signal: AbortSignal): HttpFailure {
  if (signal.aborted) {
    const { name, code } = Object(signal.reason) as { name?: unknown; code?: unknown }
    // AbortSignal.timeout names its reason TimeoutError. A dog aborts a fetch with its own error.
    return name === 'TimeoutError' || code === 'ERR_DOG_FETCH_TIMEOUT'
      ? new HttpFailure('timeout', 'no response in time')
      : new HttpFailure('aborted', 'the request was aborted')
  }
  const { code, cause } = Object(error) as { code?: unknown; cause?: unknown }
  const known = [code, Object(cause).code].find((one) => typeof one === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(one))
  return new HttpFailure('transport', `the connection failed${known === undefined ? '' : ` (${known})`}`)
}
