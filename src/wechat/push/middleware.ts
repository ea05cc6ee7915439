// The same answers for node:http, Express, Koa and Fastify: where each of them keeps the request and wants the reply. It knows
// them by their shapes, and none of them as a package.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Answering, answering, answerOf, type HandshakeOptions, type PushAnswer, Refusal } from './answer.js'
import { LONGEST_BODY } from './envelope.js'
import type { PushQuery } from './signature.js'

type Next = (error?: unknown) => unknown

/** Fits `http.createServer`, Express's and Koa's `use`, and a Fastify route as it is. */
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

/** A query's members; one that is given twice is a list, which nothing takes for a text. */
function queryOf(url: string): PushQuery {
  const at = url.indexOf('?')
  const query: Record<string, unknown> = Object.create(null)
  const search = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
  for (const name of search.keys()) {
    const all = search.getAll(name)
    query[name] = all.length === 1 ? all[0] : all
  }
  return query
}

/** The body from the wire, if it is not too long. */
function read(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      // The rest flows by, and the connection ends with the answer.
      if (size > LONGEST_BODY) reject(new Refusal(413, { connection: 'close' }))
      else chunks.push(chunk)
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    request.once('error', () => reject(new Refusal(400)))
    request.once('close', () => reject(new Refusal(400)))
  })
}

/** What a body parser has left, or what is on the wire. A parser that did not feel concerned leaves `{}` or nothing. */
function bodyOf(request: IncomingMessage, parsed: unknown): Promise<unknown> {
  const isEmpty = typeof parsed === 'object' && parsed !== null && Object.keys(parsed).length === 0
  if (parsed !== undefined && parsed !== null && !isEmpty) return Promise.resolve(parsed)
  return request.readableEnded ? Promise.reject(new Refusal(400)) : read(request)
}

const ask = (answer: Answering, request: IncomingMessage, parsed: unknown): Promise<PushAnswer | 'pass'> =>
  answer({
    method: request.method ?? 'GET',
    query: queryOf(request.url ?? ''),
    body: () => bodyOf(request, parsed),
  })

/** A verified message that nobody takes. */
const NOBODY = answerOf(405, '', 'text/plain', { allow: 'GET' })

async function forKoa(answer: Answering, context: KoaContext, next: Next): Promise<void> {
  const given = await ask(answer, context.req, context.request?.body)
  if (given === 'pass') return void (await next())
  context.status = given.status
  context.set(given.headers)
  context.body = given.body
}

async function forFastify(
  answer: Answering,
  request: { raw: IncomingMessage; body?: unknown },
  reply: FastifyReply,
): Promise<void> {
  const given = await ask(answer, request.raw, request.body)
  const { status, headers, body } = given === 'pass' ? NOBODY : given
  await reply.code(status).headers(headers).send(body)
}

async function forNode(answer: Answering, request: IncomingMessage, response: ServerResponse, next?: Next): Promise<void> {
  let given: PushAnswer | 'pass'
  try {
    given = await ask(answer, request, (request as { body?: unknown }).body)
  } catch (error) {
    if (next !== undefined) return void next(error)
    // Without a framework nobody takes it, and an unhandled rejection would end the process for one message.
    process.emitWarning(error instanceof Error ? error : 'onMessage failed')
    given = answerOf(500)
  }
  if (given === 'pass' && next !== undefined) return void next()
  const { status, headers, body } = given === 'pass' ? NOBODY : given
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

/**
 * The handler for the server URL of an account: answers the console's GET with its `echostr`, only after the signature is
 * verified, as plain text; anything else is 403 without an echo. A verified POST goes to `onMessage`, or on to the next handler.
 *
 * @throws TypeError for a wrong option.
 * @example http.createServer(handshake({ token, onMessage })).listen(80)
 * @example app.use('/wechat', handshake({ token })) // Express
 * @example app.use(handshake({ token })) // Koa
 * @example fastify.all('/wechat', handshake({ token, onMessage })) // Fastify
 */
export function handshake(options: HandshakeOptions): PushHandler {
  const answer = answering(options)
  return (request, response, next) => {
    if (typeof response === 'function') return forKoa(answer, request as KoaContext, response as Next)
    if (typeof (response as Partial<FastifyReply>).code === 'function' && 'raw' in request) {
      return forFastify(answer, request as { raw: IncomingMessage }, response as FastifyReply)
    }
    return forNode(answer, request as IncomingMessage, response as ServerResponse, next)
  }
}
