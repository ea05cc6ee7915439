// The handler for node:http, Express, Koa and Fastify. Each of them keeps the request and expects
// the answer in another place. They are recognised by their shapes: none of them is a dependency.
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  createAnswer,
  createPushAnswerer,
  type HandshakeOptions,
  HttpRefusal,
  type PushAnswer,
  type PushAnswerer,
} from './answer.js'
import { MAX_BODY_BYTES } from './envelope.js'
import type { PushQuery } from './signature.js'

type Next = (error?: unknown) => unknown

/** Fits `http.createServer`, the `use` of Express and Koa, and a Fastify route. */
export type PushHandler = (request: object, response: object, next?: Next) => Promise<void>

interface KoaContext {
  req: IncomingMessage
  request?: { body?: unknown }
  status: number
  body: unknown
  set(headers: Record<string, string>): void
}

interface FastifyReply {
  raw: ServerResponse
  code(status: number): FastifyReply
  headers(headers: Record<string, string>): FastifyReply
  send(body: string): unknown
}

/**
 * The query of a URL. A parameter that is given twice becomes a list, which is no valid value for
 * any of ours.
 */
function parseQuery(url: string): PushQuery {
  const at = url.indexOf('?')
  const query: Record<string, unknown> = Object.create(null)
  const search = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
  for (const name of search.keys()) {
    const values = search.getAll(name)
    query[name] = values.length === 1 ? values[0] : values
  }
  return query
}

/** Reads the body from the connection, unless it is too long. */
function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      // The rest of the body is discarded, and the connection ends after the answer.
      if (bytes > MAX_BODY_BYTES) reject(new HttpRefusal(413, { connection: 'close' }))
      else chunks.push(chunk)
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    request.once('error', () => reject(new HttpRefusal(400)))
    request.once('close', () => reject(new HttpRefusal(400)))
  })
}

/**
 * The body that a body parser has left, else the body on the connection. A parser leaves `{}` or
 * nothing for other types.
 */
function takeBody(request: IncomingMessage, parsed: unknown): Promise<unknown> {
  const isEmpty = typeof parsed === 'object' && parsed !== null && Object.keys(parsed).length === 0
  if (parsed !== undefined && parsed !== null && !isEmpty) return Promise.resolve(parsed)
  return request.readableEnded ? Promise.reject(new HttpRefusal(400)) : readBody(request)
}

const answerTo = (answerer: PushAnswerer, request: IncomingMessage, parsed: unknown): Promise<PushAnswer | 'pass'> =>
  answerer({
    method: request.method ?? 'GET',
    query: parseQuery(request.url ?? ''),
    body: () => takeBody(request, parsed),
  })

/** The answer to a verified message that no handler receives. */
const UNHANDLED = createAnswer(405, '', 'text/plain', { allow: 'GET' })

async function handleKoa(answerer: PushAnswerer, context: KoaContext, next: Next): Promise<void> {
  const answer = await answerTo(answerer, context.req, context.request?.body)
  if (answer === 'pass') return void (await next())
  context.status = answer.status
  context.set(answer.headers)
  context.body = answer.body
}

async function handleFastify(
  answerer: PushAnswerer,
  request: { raw: IncomingMessage; body?: unknown },
  reply: FastifyReply,
): Promise<void> {
  const answer = await answerTo(answerer, request.raw, request.body)
  const { status, headers, body } = answer === 'pass' ? UNHANDLED : answer
  await reply.code(status).headers(headers).send(body)
}

async function handleNode(
  answerer: PushAnswerer,
  request: IncomingMessage,
  response: ServerResponse,
  next?: Next,
): Promise<void> {
  let answer: PushAnswer | 'pass'
  try {
    answer = await answerTo(answerer, request, (request as { body?: unknown }).body)
  } catch (error) {
    if (next !== undefined) return void next(error)
    // No framework catches the error here, and an unhandled rejection would end the process because
    // of one message.
    process.emitWarning(error instanceof Error ? error : 'onMessage failed')
    answer = createAnswer(500)
  }
  if (answer === 'pass' && next !== undefined) return void next()
  const { status, headers, body } = answer === 'pass' ? UNHANDLED : answer
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

/**
 * The handler for the server URL of an account.
 *
 * - A GET of the console is answered with its `echostr` as plain text, after the signature was
 *   verified.
 * - A verified POST goes to `onMessage`, or without it to the next handler.
 * - Any other request is answered with 403 (405 for other methods), and nothing is echoed.
 *
 * @throws TypeError for an unknown or wrong option.
 * @example http.createServer(handshake({ token, onMessage })).listen(80)
 * @example app.use('/wechat', handshake({ token })) // Express
 * @example app.use(handshake({ token })) // Koa
 * @example fastify.all('/wechat', handshake({ token, onMessage })) // Fastify
 */
export function handshake(options: HandshakeOptions): PushHandler {
  const answerer = createPushAnswerer(options)
  return (request, response, next) => {
    if (typeof response === 'function') return handleKoa(answerer, request as KoaContext, response as Next)
    if (typeof (response as Partial<FastifyReply>).code === 'function' && 'raw' in request) {
      return handleFastify(answerer, request as { raw: IncomingMessage }, response as FastifyReply)
    }
    return handleNode(answerer, request as IncomingMessage, response as ServerResponse, next)
  }
}
