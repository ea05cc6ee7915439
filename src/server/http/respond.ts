import type { ServerResponse } from 'node:http'
import type { Problem } from './problem.js'

/** Writes answers. No answer may be cached by anything in between. */

const COMMON_HEADERS = ['Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff']

/** @param contentLength of the body in bytes, where it is already known. */
export function send(
  response: ServerResponse,
  status: number,
  headers: readonly string[],
  body: string,
  contentLength = String(Buffer.byteLength(body)),
): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, [...COMMON_HEADERS, ...headers, 'Content-Length', contentLength] as never)
  response.end(body)
}

/** Sends 304, which has neither a body nor a content-length. */
export function sendUnchanged(response: ServerResponse, headers: readonly string[]): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(304, [...COMMON_HEADERS, ...headers] as never)
  response.end()
}

export const sendJson = (response: ServerResponse, value: unknown, status = 200): void =>
  send(response, status, ['Content-Type', 'application/json'], JSON.stringify(value))

export function sendProblem(response: ServerResponse, problem: Problem): void {
  const headers = ['Content-Type', 'application/problem+json', ...Object.entries(problem.headers).flat()]
  send(response, problem.status, headers, problem.body)
}
