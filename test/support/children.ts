import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import './built.js'

/** Real processes for tests. */

const root = resolve(import.meta.dirname, '../..')
export const BUILT = join(root, 'dist/index.js')
export const INJECTED = join(root, 'test/build/injected.js')
export const fixture = (name: string): string => join(root, 'test/support/fixtures', name)

export interface Answered {
  value?: string
  error?: string
  message?: string
  fetches: number
  fetched: number
  waited: number
  takeovers: number
  warnings: string[]
  ms: number
  /** Epoch milliseconds. */
  at: number
}

export interface Child {
  pid: number
  process: ChildProcess
  /** The exit: code, signal, and all that was printed. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null; out: string; err: string }>
  /** The line of JSON that a `getter` printed; rejects if there is none. */
  answered: Promise<Answered>
}

/** Starts a fixture (or any script) by Node. */
export function start(script: string, env: Record<string, string | undefined>, args: string[] = []): Child {
  const child = spawn(process.execPath, [script, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  const exited: Child['exited'] = new Promise((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, out, err })),
  )
  const answered = exited.then(({ code, signal }) => {
    const line = out.trim().split('\n').at(-1) ?? ''
    if (!line.startsWith('{')) throw new Error(`no answer (code ${code}, signal ${signal}): ${out}${err}`)
    return JSON.parse(line) as Answered
  })
  answered.catch(() => {})
  return { pid: child.pid!, process: child, exited, answered }
}

export const get = (env: Record<string, string | undefined>): Child => start(fixture('getter.cjs'), env)

/** Waits until the kernel says that a process is stopped, or gone. */
export async function stopped(pid: number): Promise<void> {
  for (;;) {
    let state: string | undefined
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
      state = text.slice(text.lastIndexOf(')') + 2)[0]
    } catch {
      return
    }
    if (state === 'T' || state === 'Z') return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Runs jobs, so many at a time. */
export async function pool<T, R>(items: T[], size: number, job: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const rest = items.entries()
  await Promise.all(
    Array.from({ length: size }, async () => {
      for (const [index, item] of rest) results[index] = await job(item)
    }),
  )
  return results
}

export function temporary(teardown: (end: () => void) => void): string {
  const dir = mkdtempSync(join(tmpdir(), 'dotdog-test-'))
  teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
