// One request to the platform, and its response as an object.
import { exchange, HttpFailure, type HttpFailureKind, undiciClient } from '../../core/shared/upstream/http.js'
import { describeNonObject, type JsonObject, parseJsonObject } from '../../core/shared/upstream/upstream-text.js'
import { type CallContext, errcodeError, transportError } from './errors.js'

export interface PlatformRequest {
  method: 'GET' | 'POST'
  /** With its query, which holds the AppSecret or the token. */
  url: string
  /** A string, so that its length is known: WeChat answers 412 to a chunked body. */
  body?: string
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
  const { status, text } = await send(request, context)
  if (status < 200 || status > 299) throw transportError(`HTTP status ${status}`, context)
  const response = parseJsonObject(text)
  if (response === undefined) throw transportError(describeNonObject(text), context)
  const errcode = Number(response.errcode ?? 0)
  if (!Number.isInteger(errcode)) throw transportError('the errcode is not a number', context)
  if (errcode !== 0) throw errcodeError(errcode, response.errmsg, context, Date.now())
  return response
}

async function send({ method, url, body, signal }: PlatformRequest, context: CallContext) {
  try {
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }
    const content = method === 'POST' ? { body: body ?? '' } : {}
    return await exchange({ method, url, headers, ...content, signal, maxBytes: MAX_RESPONSE_BYTES }, undiciClient)
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error
    throw transportError(error.message, context, CODE_OF[error.kind])
  }
}
