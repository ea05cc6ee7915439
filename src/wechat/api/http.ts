// One request to the platform, and its response as an object.
import {
  HttpFailure,
  type HttpFailureKind,
  type OpenResponse,
  openExchange,
  readBytes,
  undiciClient,
} from '../../core/shared/upstream/http.js'
import { describeNonObject, type JsonObject, parseJsonObject } from '../../core/shared/upstream/upstream-text.js'
import type { RequestBody } from './body.js'
import { type CallContext, errcodeError, transportError, type WeChatError } from './errors.js'

export interface PlatformRequest {
  method: 'GET' | 'POST'
  /** With its query, which holds the AppSecret or the token. */
  url: string
  /** Complete, so that its length is known: WeChat answers 412 to a chunked body. */
  body?: RequestBody | undefined
  signal: AbortSignal
}

/** Far above the largest known responses, which are lists of articles with their whole text. */
const MAX_RESPONSE_BYTES = 32 * 1024 * 1024

const CODE_OF: Readonly<Record<HttpFailureKind, string>> = {
  timeout: 'WECHAT_TIMEOUT',
  aborted: 'WECHAT_ABORTED',
  transport: 'WECHAT_TRANSPORT',
  'too-long': 'WECHAT_TRANSPORT',
}

/** The error for a failure of the connection. Any other error is returned as it is. */
export const httpError = (error: unknown, context: CallContext): unknown =>
  error instanceof HttpFailure ? transportError(error.message, context, CODE_OF[error.kind]) : error

/**
 * Sends the request.
 *
 * The content type of the response is ignored: WeChat sends JSON as `text/plain`, and as the
 * malformed `application/json; encoding=utf-8`.
 *
 * @returns the platform's JSON object. It says success: its errcode is absent or 0.
 * @throws WeChatError for an errcode, and a `transient` one if there was no clear response.
 */
export async function sendRequest(request: PlatformRequest, context: CallContext): Promise<JsonObject> {
  const { chunks } = await openResponse(request, context)
  const text = new TextDecoder().decode(await readResponse(chunks, context))
  const response = parseJsonObject(text)
  if (response === undefined) throw transportError(describeNonObject(text), context)
  const error = errorIn(response, context)
  if (error !== undefined) throw error
  return response
}

/** The error that a JSON object of the platform is, if it is one. */
export function errorIn(response: JsonObject, context: CallContext): WeChatError | undefined {
  const errcode = Number(response.errcode ?? 0)
  if (!Number.isInteger(errcode)) return transportError('the errcode is not a number', context)
  return errcode === 0 ? undefined : errcodeError(errcode, response.errmsg, context, Date.now())
}

/** Reads a whole response. */
export async function readResponse(chunks: AsyncIterable<Uint8Array>, context: CallContext): Promise<Buffer> {
  try {
    return await readBytes(chunks, MAX_RESPONSE_BYTES)
  } catch (error) {
    throw httpError(error, context)
  }
}

/** Sends the request. The response of status 2xx has not been read. */
export async function openResponse(request: PlatformRequest, context: CallContext): Promise<OpenResponse> {
  const { method, url, body, signal } = request
  try {
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': body.type }
    const content = method === 'POST' ? { body: body?.content ?? '' } : {}
    const response = await openExchange({ method, url, headers, ...content, signal }, undiciClient)
    if (response.status >= 200 && response.status <= 299) return response
    // Read to its end, so that the connection can be used again.
    await readBytes(response.chunks, MAX_RESPONSE_BYTES)
    throw transportError(`HTTP status ${response.status}`, context)
  } catch (error) {
    throw httpError(error, context)
  }
}
