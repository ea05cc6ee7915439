import { join } from 'node:path'
import type { Test } from 'tap'
import { type Child, type GetterOutput, start } from '../../support/children.js'
import { startUpstream, type Upstream } from '../../support/upstream.js'
import type { Server } from './server.js'
import '../../support/built.js'

/** Processes that share one table and one upstream. */

const GETTER = join(import.meta.dirname, 'fixtures/getter.cjs')

export interface Line {
  value?: string
  error?: string
  message?: string
  warning?: string
  change?: number
  at: number
}

/** `endedAt`: epoch milliseconds of its exit. */
type Ending = Child & { endedAt(): number | undefined }

export interface Scene {
  table: string
  upstream: Upstream
  get(env?: Record<string, string>): Ending
  /** Starts one that gets again and again; `lines` is what it has printed so far. */
  loop(env?: Record<string, string>): Ending & { lines: Line[] }
  /** The record as it is stored. */
  record(): Promise<{ value: string; generation: number }>
}

export async function scene(t: Test, server: Server, options: Parameters<typeof startUpstream>[0] = {}): Promise<Scene> {
  const upstream = await startUpstream(options)
  const table = server.table()
  const children: Child[] = []
  t.teardown(async () => {
    for (const child of children) child.process.kill('SIGKILL')
    await Promise.all(children.map((child) => child.exited))
    await upstream.close()
  })
  const get: Scene['get'] = (env) => {
    const child = start(GETTER, { DATABASE: server.url, TABLE: table, URL: upstream.url, ...env })
    children.push(child)
    let at: number | undefined
    child.process.once('exit', () => (at = Date.now()))
    return Object.assign(child, { endedAt: () => at })
  }
  return {
    table,
    upstream,
    get,
    loop: (env) => {
      const child = get({ LOOP: '1', ...env })
      const lines: Line[] = []
      let rest = ''
      child.process.stdout!.on('data', (chunk) => {
        const parts = `${rest}${chunk}`.split('\n')
        rest = parts.pop()!
        lines.push(...parts.map((line) => JSON.parse(line)))
      })
      return Object.assign(child, { lines })
    },
    record: async () => {
      const [row] = await server.admin(`SELECT record FROM ${table} WHERE key = 'TOKEN'`)
      return JSON.parse(String(row?.record))
    },
  }
}

/** What a loop got last. */
export const last = (lines: Line[]): Line | undefined =>
  lines.findLast(({ value, error }) => value !== undefined || error !== undefined)

export const values = (answers: GetterOutput[]): (string | undefined)[] => [...new Set(answers.map(({ value }) => value))]

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until it is so; a test that waits for ever is ended by its runner. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause(10)
}
