// The body of a call as bytes. A form, a file, bytes and a stream are sent as what they are. A stream
// is read before the call: WeChat answers 412 to a body whose length it is not told, and a call that
// is made again with a new token needs the bytes again.
import { addAbortSignal, PassThrough, Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { stringifyExactJson } from '../../core/shared/upstream/exact-json.js'
import { show } from '../../core/shared/validate.js'

/** What is sent as it is. Everything else is sent as JSON. */
export type RawBody =
  | FormData
  | Blob
  | URLSearchParams
  | ArrayBuffer
  | ArrayBufferView
  | ReadableStream
  | AsyncIterable<Uint8Array | string>
  | NodeJS.ReadableStream

/** A body that is ready to be sent, as often as needed. */
export interface RequestBody {
  content: string | Uint8Array
  /** The content type. */
  type: string
}

/** Far above the largest file that the platform takes, which is some tens of megabytes. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

const JSON_TYPE = 'application/json; charset=utf-8'
const BYTES_TYPE = 'application/octet-stream'

/** JSON makes `{}` of these: it is never what was meant. A promise is one that was not awaited. */
const NOT_JSON = ['Promise', 'Map', 'Set', 'WeakMap', 'WeakSet']

const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1)

type Fields = Record<string | symbol, unknown>

const isStream = (body: object): boolean =>
  typeof (body as Fields)[Symbol.asyncIterator] === 'function' || typeof (body as Fields).pipe === 'function'

/** By shape, because packages bring FormData, File and streams of their own. */
export function isRawBody(body: unknown): body is RawBody {
  if (typeof body !== 'object' || body === null) return false
  if (ArrayBuffer.isView(body) || ['ArrayBuffer', 'FormData', 'Blob', 'File', 'URLSearchParams'].includes(tagOf(body)))
    return true
  return isStream(body)
}

/** @throws TypeError for a stream that was read before, and for what JSON cannot hold. */
export function checkBody(body: unknown): string | RawBody | undefined {
  if (body === undefined || typeof body === 'string') return body
  if (isRawBody(body)) {
    const isRead = isStream(body) && Readable.isDisturbed(body as Readable)
    if (isRead) throw new TypeError('body must not be a stream that was read or ended before')
    return body
  }
  // JSON.stringify does not escape Chinese text. WeChat needs that: it would show \u escapes of a
  // menu to users.
  const text = NOT_JSON.includes(tagOf(body)) ? undefined : stringifyExactJson(body)
  if (text === undefined) throw new TypeError(`body must be something JSON can hold; got ${show(body)}`)
  return text
}

/** A form of another package as one of Node. */
async function ownForm(form: FormData): Promise<FormData> {
  if (form instanceof FormData) return form
  const own = new FormData()
  for (const [name, value] of form as Iterable<[string, string | File]>) {
    if (typeof value === 'string') own.append(name, value)
    else own.append(name, await ownBlob(value), value.name)
  }
  return own
}

const ownBlob = async (blob: Blob): Promise<Blob> =>
  blob instanceof Blob ? blob : new Blob([await (blob as Blob).arrayBuffer()], { type: (blob as Blob).type })

/** A stream of any kind as one of Node. The package form-data makes streams of an old kind. */
function readableOf(stream: Exclude<RawBody, FormData | Blob | URLSearchParams | ArrayBuffer | ArrayBufferView>): Readable {
  if (stream instanceof Readable) return stream
  if (typeof (stream as { [Symbol.asyncIterator]?: unknown })[Symbol.asyncIterator] === 'function')
    return Readable.from(stream as AsyncIterable<Uint8Array>, { objectMode: false })
  const own = new PassThrough()
  ;(stream as NodeJS.ReadableStream).once('error', (error) => own.destroy(error))
  ;(stream as NodeJS.ReadableStream).pipe(own)
  return own
}

/** Reads a stream to its end, or until the signal aborts. */
async function collect(stream: Readable, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of addAbortSignal(signal, stream)) {
    const part = Buffer.from(chunk)
    bytes += part.length
    if (bytes > MAX_BODY_BYTES) throw new TypeError(`body must have at most ${MAX_BODY_BYTES} bytes`)
    chunks.push(part)
  }
  return Buffer.concat(chunks)
}

/** The content type that the package form-data gives its stream. */
function declaredType(stream: object): string | undefined {
  const { getHeaders } = stream as { getHeaders?: unknown }
  if (typeof getHeaders !== 'function') return undefined
  const type = (getHeaders.call(stream) as Record<string, unknown> | undefined)?.['content-type']
  return typeof type === 'string' ? type : undefined
}

/**
 * Reads a body that was checked.
 *
 * @param signal ends the reading of a stream
 * @throws the stream's own error, and a TypeError for a body that is too long.
 */
export async function readBody(body: string | RawBody | undefined, signal: AbortSignal): Promise<RequestBody | undefined> {
  if (body === undefined) return undefined
  if (typeof body === 'string') return { content: body, type: JSON_TYPE }
  if (ArrayBuffer.isView(body)) {
    return { content: new Uint8Array(body.buffer, body.byteOffset, body.byteLength), type: BYTES_TYPE }
  }
  switch (tagOf(body)) {
    case 'ArrayBuffer':
      return { content: new Uint8Array(body as ArrayBuffer), type: BYTES_TYPE }
    case 'URLSearchParams':
      return { content: String(body), type: 'application/x-www-form-urlencoded; charset=utf-8' }
    case 'FormData':
      return readResponse(new Response(await ownForm(body as FormData)), signal)
    case 'Blob':
    case 'File':
      return readResponse(new Response(await ownBlob(body as Blob)), signal)
  }
  const stream = body as NodeJS.ReadableStream
  return { content: await collect(readableOf(stream), signal), type: declaredType(stream) ?? BYTES_TYPE }
}

/** A Response of Node writes a form with its boundary, and knows its content type. */
async function readResponse(response: Response, signal: AbortSignal): Promise<RequestBody> {
  const stream = Readable.fromWeb(response.body as ReadableStream)
  return { content: await collect(stream, signal), type: response.headers.get('content-type') || BYTES_TYPE }
}
