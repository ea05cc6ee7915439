import type { ServerResponse } from 'node:http'
import type { Problem } from './problem.js'

/** Writing answers. Nothing here is ever cached by anybody in between. */

const COMMON = ['Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff']

/** @param size of the body in bytes, where it is known. */
export function send(
  response: ServerResponse,
  status: number,
  headers: readonly string[],
  body: string,
  size = String(Buffer.byteLength(body)),
): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, [...COMMON, ...headers, 'Content-Length', size] as never)
  response.end(body)
}

/** Unchanged: no body, and no length of one. */
export function sendUnchanged(response: ServerResponse, headers: readonly string[]): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(304, [...COMMON, ...headers] as never)
  response.end()
}

export const sendJson = (response: ServerResponse, value: unknown): void =>
  send(response, 200, ['Content-Type', 'application/json'], JSON.stringify(value))

export function sendProblem(response: ServerResponse, problem: Problem): void {
  const headers = ['Content-Type', 'application/problem+json', ...Object.entries(problem.headers).flat()]
  send(response, problem.status, headers, problem.body)
}
