// The body of a request, within bounds.
import type { IncomingMessage } from 'node:http'
import { refuse } from './errors.js'

const TOO_LARGE = 413

/** The whole body. */
export async function readBody(request: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length
    if (size > most) refuse(-1, `the body is longer than ${most} bytes`, TOO_LARGE)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

export interface BodyLimits {
  /** Bytes of a body that says its length. */
  body: number
  /** Bytes of one that does not: the platform takes none such, so that it has to be collected first. */
  unmeasured: number
  /** Bytes up to which a body is kept, to be sent once more. */
  repeatable: number
}

/** What is to be passed on. `kept`: it can be sent again; otherwise it is the stream itself, of `length` bytes. */
export type Body = { kept: Buffer | undefined } | { kept?: never; length: number }

export async function bodyOf(request: IncomingMessage, limits: BodyLimits): Promise<Body> {
  if (request.headers['transfer-encoding'] !== undefined) return { kept: await readBody(request, limits.unmeasured) }
  if (request.headers['content-length'] === undefined) return { kept: undefined }
  const length = Number(request.headers['content-length'])
  if (!(length <= limits.body)) refuse(-1, `the body is longer than ${limits.body} bytes`, TOO_LARGE)
  return length <= limits.repeatable ? { kept: await readBody(request, limits.repeatable) } : { length }
}
