import type { IncomingMessage } from 'node:http'
import { isShallow } from '../../core/shared/format.js'
import { Problem } from './problem.js'

/** The body of a request, bounded. */

export async function readBody(request: IncomingMessage, limit: number): Promise<string> {
  const tooLarge = () => new Problem(413, 'body_too_large', `The body may have ${limit} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  try {
    // Not by iterating: leaving a loop over a request destroys its socket, and with it the answer.
    await new Promise<void>((resolve, reject) => {
      request.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > limit) reject(tooLarge())
        else chunks.push(chunk)
      })
      request.once('end', resolve)
      request.once('close', () => reject(new Problem(400, 'body_cut', 'The body ended early')))
      request.once('error', () => reject(new Problem(400, 'body_cut', 'The body ended early')))
    })
  } finally {
    request.removeAllListeners('data')
    request.resume()
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}

/** A JSON object; an empty body is an empty one. */
export async function readObject(request: IncomingMessage, limit: number, members: readonly string[]): Promise<object> {
  const text = await readBody(request, limit)
  if (text === '') return {}
  // A browser sends another type without asking us first.
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
  // Not named: what a client sends here by mistake may be a secret.
  const isKnown = Object.keys(value).every((member) => members.includes(member))
  if (!isKnown) throw new Problem(400, 'bad_body', `The body may have ${members.join(' and ')}`)
  return value
}
