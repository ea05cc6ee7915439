import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pause } from './timing.js'
import './built.js'

/** Real processes for tests. */

const ROOT = resolve(import.meta.dirname, '../..')
export const DIST_ENTRY = join(ROOT, 'dist/index.js')
/** The build whose failpoints act: see test/processes/injector. */
export const INJECTED_ENTRY = join(ROOT, 'test/build/injected.cjs')
export const fixture = (name: string): string => join(ROOT, 'test/support/fixtures', name)

/** The line that `fixtures/getter.cjs` prints. */
export interface GetterOutput {
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
  /** Resolves at the exit with the code, the signal, and everything that was printed. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null; out: string; err: string }>
  /** Resolves with the last line of JSON that was printed; rejects if there is none. */
  answered: Promise<GetterOutput>
}

/**
 * Starts a script with Node. Its environment is `env`, PATH and HOME.
 *
 * @param launcher a command that runs Node, with its arguments: `['unshare', '--pid']`
 */
export function start(
  script: string,
  env: Record<string, string | undefined>,
  args: string[] = [],
  launcher: string[] = [],
): Child {
  const [command, ...rest] = [...launcher, process.execPath, script, ...args]
  const child = spawn(command!, rest, {
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
    return JSON.parse(line) as GetterOutput
  })
  answered.catch(() => {})
  return { pid: child.pid!, process: child, exited, answered }
}

/** Starts a process that gets one key once. */
export const startGetter = (env: Record<string, string | undefined>): Child => start(fixture('getter.cjs'), env)

/** Waits until the kernel says that a process is stopped, or that it is gone. */
export async function untilStopped(pid: number): Promise<void> {
  for (;;) {
    let state: string | undefined
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
      state = text.slice(text.lastIndexOf(')') + 2)[0]
    } catch {
      return
    }
    if (state === 'T' || state === 'Z') return
    await pause(5)
  }
}

/**
 * Runs a job for each item, at most `size` at a time. Gives the results in the order of the items.
 */
export async function mapConcurrently<T, R>(items: T[], size: number, job: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const remaining = items.entries()
  await Promise.all(
    Array.from({ length: size }, async () => {
      for (const [index, item] of remaining) results[index] = await job(item)
    }),
  )
  return results
}

/** Makes a temporary folder, and passes the function that removes it to `teardown`. */
export function temporary(teardown: (end: () => void) => void): string {
  const dir = mkdtempSync(join(tmpdir(), 'dotdog-test-'))
  teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
