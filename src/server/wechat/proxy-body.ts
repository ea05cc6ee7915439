// The body of a call to the platform, within the limits of the proxy.
import type { IncomingMessage } from 'node:http'
import { readBody } from '../http/body.js'
import { ErrcodeProblem } from './errors.js'

/** Reads a whole body. @throws ErrcodeProblem (HTTP 413) if it has more than `maxBytes`. */
export const readPlatformBody = (request: IncomingMessage, maxBytes: number): Promise<Buffer> =>
  readBody(request, maxBytes, () => tooLarge(maxBytes))

const tooLarge = (maxBytes: number) => new ErrcodeProblem(-1, `the body is longer than ${maxBytes} bytes`, 413)

export interface BodyLimits {
  /** Bytes of a body with a content-length. Default 10 MiB. */
  body: number
  /**
   * Bytes of a chunked body. The platform refuses those, so the body is collected first. Default 1
   * MiB.
   */
  unmeasured: number
  /**
   * Bytes up to which a body is kept in memory, so that the call can be repeated. Default 64 KiB.
   */
  repeatable: number
}

/**
 * A body to be passed on. `kept`: it is in memory and can be sent again (`undefined`: there is
 * none). Otherwise it is the request's stream, of `length` bytes.
 */
export type ProxiedBody = { kept: Buffer | undefined } | { kept?: never; length: number }

/** @throws ErrcodeProblem (HTTP 413) if it is too long. */
export async function readProxiedBody(request: IncomingMessage, limits: BodyLimits): Promise<ProxiedBody> {
  if (request.headers['transfer-encoding'] !== undefined) return { kept: await readPlatformBody(request, limits.unmeasured) }
  if (request.headers['content-length'] === undefined) return { kept: undefined }
  const length = Number(request.headers['content-length'])
  if (!(length <= limits.body)) throw tooLarge(limits.body)
  return length <= limits.repeatable ? { kept: await readPlatformBody(request, limits.repeatable) } : { length }
}
