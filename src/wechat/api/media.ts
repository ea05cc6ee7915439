// A response that is no JSON object, such as a QR code or a media file. The platform says by JSON that
// it refused, whatever was asked for, so that the beginning of a response is looked at first.
import { Readable } from 'node:stream'
import { parseJsonObject } from '../../core/shared/upstream/upstream-text.js'
import type { CallContext } from './errors.js'
import { errorIn, httpError, openResponse, type PlatformRequest, readResponse } from './http.js'

/** A refusal is a short object. A longer text is a file that happens to be JSON. */
const MAX_REFUSAL_BYTES = 64 * 1024

/** Whether bytes may begin a JSON object. Spaces alone do not tell. */
function mayBeObject(head: Buffer): boolean {
  const text = head.toString('utf8', 0, 64).trimStart()
  return text === '' || text.startsWith('{')
}

/**
 * The chunks of a response, of which the first have been looked at.
 *
 * @throws WeChatError if the response is an errcode.
 */
async function openMedia(request: PlatformRequest, context: CallContext): Promise<AsyncGenerator<Uint8Array>> {
  const { headers, chunks } = await openResponse(request, context)
  const iterator = chunks[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  let isWhole = false
  // A file that is offered under a name is no refusal, even if it is JSON.
  const mayBeRefusal = !/^\s*attachment/i.test(headers['content-disposition'] ?? '')
  try {
    while (mayBeRefusal && !isWhole && head.length <= MAX_REFUSAL_BYTES && mayBeObject(head)) {
      const { value, done } = await iterator.next()
      isWhole = done === true
      if (value !== undefined) head = Buffer.concat([head, value as Uint8Array])
    }
  } catch (error) {
    throw httpError(error, context)
  }
  // A decoder leaves out a byte order mark, which JSON.parse refuses.
  const object = isWhole ? parseJsonObject(new TextDecoder().decode(head)) : undefined
  const error = object && errorIn(object, context)
  if (error !== undefined) throw error
  return withRest(head, iterator, context)
}

async function* withRest(head: Buffer, iterator: AsyncIterator<Uint8Array>, context: CallContext): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head
    yield* { [Symbol.asyncIterator]: () => iterator }
  } catch (error) {
    throw httpError(error, context)
  }
}

/** Sends the request and reads the whole response, at most 32 MiB. */
export async function requestBuffer(request: PlatformRequest, context: CallContext): Promise<Buffer> {
  return readResponse(await openMedia(request, context), context)
}

/**
 * Sends the request. The response is read by whoever reads the stream, and given up when the stream
 * is destroyed.
 *
 * @param timeoutMs until the response begins
 */
export async function requestStream(request: PlatformRequest, context: CallContext, timeoutMs: number): Promise<Readable> {
  const controller = new AbortController()
  const onTimeout = () => controller.abort(new DOMException('no response in time', 'TimeoutError'))
  const timer = setTimeout(onTimeout, timeoutMs)
  try {
    const chunks = await openMedia({ ...request, signal: controller.signal }, context)
    const stream = Readable.from(chunks, { objectMode: false })
    // A generator that waits for a chunk cannot be ended otherwise.
    return stream.once('close', () => controller.abort())
  } finally {
    clearTimeout(timer)
  }
}
