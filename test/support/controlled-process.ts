import { type ChildProcess, fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import './built.js'
import { temporaryFolder } from './temporary-folder.js'
import { pause } from './timing.js'
import { startUpstream, type Upstream } from './upstream.js'

/** Processes that take commands one at a time, over IPC, and whose wall clock a test can set. */

export const DAY_MS = 86_400_000

export interface ControlledProcess {
  pid: number
  process: ChildProcess
  /**
   * Runs a command of `fixtures/controlled.cjs` in the process, and gives its result or throws its
   * error.
   */
  ask<T = unknown>(command: string, ...args: unknown[]): Promise<T>
  get(): Promise<string>
  end(): Promise<void>
}

interface Reply {
  id: unknown
  value?: unknown
  error?: Record<string, unknown>
}

export async function startControlledProcess(t: Test, env: Record<string, string>): Promise<ControlledProcess> {
  const here = import.meta.dirname
  const child = fork(join(here, 'fixtures/controlled.cjs'), {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    execArgv: ['--require', join(here, 'fixtures/clock.cjs')],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const pending = new Map<unknown, (reply: Reply) => void>()
  const replyTo = (id: unknown) => new Promise<Reply>((resolve) => pending.set(id, resolve))
  const exited = new Promise<void>((resolve) =>
    child.on('exit', (code, signal) => {
      for (const [id, resolve] of pending) resolve({ id, error: { code: 'EXITED', message: `exited: ${code ?? signal}` } })
      resolve()
    }),
  )
  child.on('message', (reply: Reply) => {
    pending.get(reply.id)?.(reply)
    pending.delete(reply.id)
  })
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await exited
  }
  t.teardown(end)
  await replyTo('ready')
  let last = 0
  const ask = async <T>(command: string, ...args: unknown[]): Promise<T> => {
    const id = ++last
    const replied = replyTo(id)
    child.send({ id, command, args })
    const { error, value } = await replied
    if (error !== undefined) throw Object.assign(new Error(String(error.message)), error)
    return value as T
  }
  return { pid: child.pid!, process: child, ask, get: () => ask<string>('get'), end }
}

export interface Machine {
  dir: string
  upstream: Upstream
  processes: ControlledProcess[]
  /** Sets the wall clock of all processes, in milliseconds from the right time. */
  setClock(offset: number): void
}

/** Starts `count` processes that share one folder, one upstream and one wall clock. */
export async function startMachine(
  t: Test,
  count: number,
  options: { delay?: number; expiresIn?: number; key?: Record<string, unknown>; env?: Record<string, string> } = {},
): Promise<Machine> {
  const base = temporaryFolder(t)
  const upstream = await startUpstream(options)
  t.teardown(() => upstream.close())
  const dir = join(base, '.dog')
  const offsetFile = join(base, 'clock-offset')
  const setClock = (offset: number) => writeFileSync(offsetFile, String(offset))
  setClock(0)
  const shared = { DIR: dir, URL: upstream.url, CLOCK_OFFSET_FILE: offsetFile, OPTIONS: JSON.stringify(options.key ?? {}) }
  const env = { ...shared, ...options.env }
  const processes = await Promise.all(Array.from({ length: count }, () => startControlledProcess(t, env)))
  return { dir, upstream, processes, setClock }
}

/**
 * Asks all processes for the value again and again, for `ms` milliseconds, so that they do whatever
 * they would do by themselves. Gives every value and every error code that they returned.
 */
export async function getRepeatedly(processes: ControlledProcess[], ms: number): Promise<Set<string>> {
  const seen = new Set<string>()
  const end = performance.now() + ms
  while (performance.now() < end) {
    for (const value of await Promise.all(processes.map((process) => process.get().catch(({ code }) => String(code))))) {
      seen.add(value)
    }
    await pause(20)
  }
  return seen
}
