import type { IncomingMessage } from 'node:http'
import { isShallow } from '../../core/shared/format.js'
import { Problem } from './problem.js'

/**
 * Reads a whole body into memory.
 *
 * @param tooLarge makes the error for a body of more than `maxBytes`
 * @throws Problem (400) if the client disconnects in the middle of its body.
 */
export async function readBody(request: IncomingMessage, maxBytes: number, tooLarge: () => unknown): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  try {
    // Not by iterating: leaving a loop over a request destroys its socket, and with it the answer.
    await new Promise<void>((resolve, reject) => {
      const cut = () => reject(bodyCut())
      request.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBytes) reject(tooLarge())
        else chunks.push(chunk)
      })
      request.once('end', resolve)
      request.once('close', cut)
      request.once('error', cut)
    })
  } finally {
    request.removeAllListeners('data')
    request.resume()
  }
  return Buffer.concat(chunks)
}

export const bodyCut = (): Problem => new Problem(400, 'body_cut', 'The body ended early')

/** Reads a JSON object with only the given members. An empty body is an empty object. */
export async function readObject(request: IncomingMessage, maxBytes: number, members: readonly string[]): Promise<object> {
  const tooLarge = () => new Problem(413, 'body_too_large', `The body may have at most ${maxBytes} bytes`)
  const text = new TextDecoder().decode(await readBody(request, maxBytes, tooLarge))
  if (text === '') return {}
  // A browser sends other types across sites without a preflight request; JSON it does not.
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type)) throw new Problem(415, 'bad_type', 'The body must be application/json')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Problem(400, 'bad_body', 'The body is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !isShallow(value)) {
    throw new Problem(400, 'bad_body', 'The body must be a JSON object')
  }
  // The unknown member is not named: a client may have put a secret there by mistake.
  const isKnown = Object.keys(value).every((member) => members.includes(member))
  if (!isKnown) throw new Problem(400, 'bad_body', `The body may have only ${members.join(', ')}`)
  return value
}
