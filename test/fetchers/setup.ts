// A loopback upstream with the responses that a test gives it, and a dog in memory.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import type { Test } from 'tap'
import { createDog, memoryStore } from '../../src/core/index.js'

export interface ReceivedRequest {
  method: string
  path: string
  query: Record<string, string>
  headers: IncomingHttpHeaders
  text: string
  /** The body as an object: JSON, or a form. */
  body: Record<string, unknown>
}

export interface Reply {
  status?: number
  headers?: Record<string, string>
  /** An object is sent as JSON. `undefined`: the connection is dropped. */
  body: object | string | undefined
}

async function read(request: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const isForm = request.headers['content-type']?.includes('form')
  const body = text === '' ? {} : isForm ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text)
  return {
    ...{ method: request.method ?? '', path: pathname, query: Object.fromEntries(searchParams) },
    ...{ headers: request.headers, text, body },
  }
}

function send(response: ServerResponse, { status = 200, headers = {}, body }: Reply): void {
  if (body === undefined) return void response.destroy()
  const isText = typeof body === 'string'
  response.writeHead(status, { 'content-type': isText ? 'text/html' : 'application/json', ...headers })
  response.end(isText ? body : JSON.stringify(body))
}

export async function serve(
  t: Test,
  answer: (asked: ReceivedRequest) => Reply,
): Promise<{ url: string; asked: ReceivedRequest[] }> {
  const asked: ReceivedRequest[] = []
  const server = createServer(async (request, response) => {
    const one = await read(request)
    asked.push(one)
    send(response, answer(one))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

export function createTestDog(t: Test) {
  const dog = createDog({ store: memoryStore() })
  t.teardown(() => dog.close())
  return dog
}

type Failure = Error & { code: string; cause?: unknown; retryAt?: number } & Record<string, unknown>

/** The error of a promise, which must reject. */
export async function rejectionOf(task: unknown): Promise<Failure> {
  try {
    await task
  } catch (error) {
    return error as Failure
  }
  throw new Error('did not reject')
}

export const printedForms = (value: unknown): string =>
  `${inspect(value, { depth: 9, showHidden: true })}${String(value)}${JSON.stringify(value)}`

/** The error that a fetcher throws. Callers of `get` see a sanitised copy of it. */
export const errorOfFetcher = (fetcher: unknown, signal = new AbortController().signal): Promise<Failure> =>
  rejectionOf((fetcher as (context: object) => unknown)({ signal }))
