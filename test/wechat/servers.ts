// A server for each way to use a handler: node:http itself, and imitations of the other frameworks,
// so that these are no dependencies of this package. With DOTDOG_FRAMEWORKS (the path of a
// node_modules folder that has express, koa and fastify) the same tests run on the real frameworks
// too.
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { PushHandler } from '../../src/wechat/push/middleware.js'

export interface ServerKind {
  name: string
  /** Whether a handler can pass a request to the next one. */
  hasNext: boolean
  listen(handler: PushHandler): Promise<Server>
}

const NEXT = 'passed on'

const listening = (listener: RequestListener): Promise<Server> =>
  new Promise((resolve) => {
    const server: Server = createServer(listener).listen(0, '127.0.0.1', () => resolve(server))
  })

/** Express calls a handler with Node's own objects, and with `next`. */
const likeExpress: ServerKind = {
  name: "Express's shape",
  hasNext: true,
  listen: (handler) =>
    listening((request, response) => {
      handler(request, response, (error) => {
        response.statusCode = error === undefined ? 200 : 500
        response.end(error === undefined ? NEXT : 'failed')
      })
    }),
}

/** Koa passes a context, and sends what the middleware has stored in it. */
const likeKoa: ServerKind = {
  name: "Koa's shape",
  hasNext: true,
  listen: (handler) =>
    listening(async (req, res) => {
      const context = {
        ...{ req, res, request: {}, status: 404, body: undefined as unknown },
        set: (headers: Record<string, string>) => {
          for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
        },
      }
      try {
        await handler(context, async () => Object.assign(context, { status: 200, body: NEXT }))
      } catch {
        Object.assign(context, { status: 500, body: 'failed' })
      }
      res.statusCode = context.status
      res.end(context.body)
    }),
}

const textOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/**
 * Fastify passes objects of its own, with Node's objects as `raw`. It has read and parsed the body
 * before.
 */
const likeFastify: ServerKind = {
  name: "Fastify's shape",
  hasNext: false,
  listen: (handler) =>
    listening(async (raw, response) => {
      const text = await textOf(raw)
      const json = raw.headers['content-type']?.includes('json')
      const reply = {
        raw: response,
        code: (status: number) => Object.assign(reply, { status }),
        headers: (headers: Record<string, string>) => Object.assign(reply, { sent: headers }),
        send: (body: string) => response.writeHead(reply.status, reply.sent).end(body),
        status: 200,
        sent: {} as Record<string, string>,
      }
      try {
        await handler({ raw, body: text === '' ? undefined : json ? JSON.parse(text) : text }, reply)
      } catch {
        response.writeHead(500).end('failed')
      }
    }),
}

export const serverKinds: ServerKind[] = [
  { name: 'node:http', hasNext: false, listen: listening },
  likeExpress,
  likeKoa,
  likeFastify,
]

const folder = process.env.DOTDOG_FRAMEWORKS
if (folder !== undefined) {
  const load = createRequire(join(folder, 'x.js'))
  const express = (name: string): ServerKind => ({
    name: `${name}, the real one`,
    hasNext: true,
    listen: async (handler) => {
      const app = load(name)()
      app.use('/wechat', handler)
      app.use((_request: unknown, response: ServerResponse) => response.end(NEXT))
      app.use((_error: Error, _request: unknown, response: ServerResponse, _next: unknown) => {
        response.writeHead(500).end('failed')
      })
      return listening(app)
    },
  })
  const koa: ServerKind = {
    name: 'koa, the real one',
    hasNext: true,
    listen: async (handler) => {
      const Koa = load('koa')
      const app = new Koa()
      app.silent = true
      app.use(handler)
      app.use((context: { body: string }) => {
        context.body = NEXT
      })
      return listening(app.callback())
    },
  }
  const fastify: ServerKind = {
    name: 'fastify, the real one',
    hasNext: false,
    listen: async (handler) => {
      const app = load('fastify')({ bodyLimit: 1 << 22 })
      type Done = (error: null, body: string) => void
      app.addContentTypeParser(['text/xml', 'text/plain'], { parseAs: 'string' }, (_r: unknown, body: string, done: Done) =>
        done(null, body),
      )
      app.all('/wechat', handler)
      await app.listen({ port: 0, host: '127.0.0.1' })
      return app.server
    },
  }
  serverKinds.push(express('express'), express('express4'), koa, fastify)
}

/** Starts such a server. Resolves to the URL of the handler. */
export async function serve(t: Test, kind: ServerKind, handler: PushHandler): Promise<string> {
  const server = await kind.listen(handler)
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/wechat`
}
