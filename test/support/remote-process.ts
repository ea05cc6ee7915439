import { type ChildProcess, fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { temporary } from './children.js'
import { startUpstream, type Upstream } from './upstream.js'

/** Processes that can be told what to do, one call at a time, and whose wall clock can be set. */

export const DAY = 86_400_000

export interface Remote {
  pid: number
  process: ChildProcess
  ask<T = unknown>(command: string, ...args: unknown[]): Promise<T>
  get(): Promise<string>
  end(): Promise<void>
}

interface Answer {
  id: unknown
  value?: unknown
  error?: Record<string, unknown>
}

export async function remote(t: Test, env: Record<string, string>): Promise<Remote> {
  const here = import.meta.dirname
  const child = fork(join(here, 'fixtures/remote.cjs'), {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    execArgv: ['--require', join(here, 'fixtures/clock.cjs')],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const pending = new Map<unknown, (answer: Answer) => void>()
  const answerTo = (id: unknown) => new Promise<Answer>((resolve) => pending.set(id, resolve))
  const gone = new Promise<void>((resolve) =>
    child.on('exit', (code, signal) => {
      for (const [id, resolve] of pending) resolve({ id, error: { code: 'EXITED', message: `exited: ${code ?? signal}` } })
      resolve()
    }),
  )
  child.on('message', (answer: Answer) => {
    pending.get(answer.id)?.(answer)
    pending.delete(answer.id)
  })
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await gone
  }
  t.teardown(end)
  await answerTo('ready')
  let last = 0
  const ask = async <T>(command: string, ...args: unknown[]): Promise<T> => {
    const id = ++last
    const answered = answerTo(id)
    child.send({ id, command, args })
    const { error, value } = await answered
    if (error !== undefined) throw Object.assign(new Error(String(error.message)), error)
    return value as T
  }
  return { pid: child.pid!, process: child, ask, get: () => ask<string>('get'), end }
}

export interface Machine {
  dir: string
  upstream: Upstream
  processes: Remote[]
  /** Sets the wall clock of all of them, ms from the right time. */
  setClock(offset: number): void
}

/** So many processes on one folder and one upstream. */
export async function machine(
  t: Test,
  count: number,
  options: { delay?: number; expiresIn?: number; key?: Record<string, unknown>; env?: Record<string, string> } = {},
): Promise<Machine> {
  const base = temporary((end) => t.teardown(end))
  const upstream = await startUpstream(options)
  t.teardown(() => upstream.close())
  const dir = join(base, '.dog')
  const OFFSET = join(base, 'offset')
  const setClock = (offset: number) => writeFileSync(OFFSET, String(offset))
  setClock(0)
  const env = { DIR: dir, URL: upstream.url, OFFSET, OPTIONS: JSON.stringify(options.key ?? {}), ...options.env }
  const processes = await Promise.all(Array.from({ length: count }, () => remote(t, env)))
  return { dir, upstream, processes, setClock }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until something holds: far longer than it can take, and far shorter than the day that it must not take. */
export async function until(holds: () => unknown): Promise<void> {
  const end = performance.now() + 15_000
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`it never came true: ${holds}`)
    await pause(10)
  }
}

/** What a promise is rejected with. */
export async function failure(task: Promise<unknown>): Promise<Error & { code?: string; retryAt?: number; path?: string }> {
  return await task.then(
    (value) => Promise.reject(new Error(`did not fail, but gave ${JSON.stringify(value)}`)),
    (error) => error,
  )
}

/** Asks all of them, again and again for so long: whatever they would do by themselves, they do. */
export async function busy(processes: Remote[], ms: number): Promise<Set<string>> {
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
