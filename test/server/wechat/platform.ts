// A platform that records what reaches it. It is for bodies, headers and streams, which the fake
// platform does not record.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Test } from 'tap'
import { listening } from './setup.js'

export interface Seen {
  method: string
  /** As it was sent. */
  url: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  body: Buffer
}

type Responder = (seen: Seen, response: ServerResponse, request: IncomingMessage) => void | Promise<void>

const ok: Responder = (_, response) =>
  void response.setHeader('content-type', 'application/json').end('{"errcode":0,"errmsg":"ok"}')

/** @param unread leaves reading the body to `answer` */
export async function platform(t: Test, answer: Responder = ok, unread = false) {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const body = unread ? Buffer.alloc(0) : Buffer.concat(await request.toArray().catch(() => []))
    const one = { method, url, query: new URLSearchParams(url.split('?')[1]), headers, body }
    seen.push(one)
    await answer(one, response, request)
  })
  return { url: await listening(t, server), seen }
}
