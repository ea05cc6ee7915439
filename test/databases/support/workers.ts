import { join } from 'node:path'
import type { Test } from 'tap'
import { type Child, type GetterOutput, start, untilStopped } from '../../support/children.js'
import { pause } from '../../support/timing.js'
import '../../support/built.js'
import { startUpstream, type Upstream } from '../../support/upstream.js'
import type { Database, Place, Space, StoreConfig } from './engine.js'

/** Processes that use one key in a database. */

export { pause }

/** One line that a worker printed: an outcome with all counts so far, a warning, or a change. */
export interface WorkerLine extends GetterOutput {
  /** Signals of fetches that were aborted. */
  aborted: number
  stack?: string
  warning?: string
  /** The generation of a `change` event. */
  change?: number
}

export interface Worker extends Child {
  answered: Promise<WorkerLine>
  /** Everything that the worker has printed so far. */
  lines: WorkerLine[]
  /** The last value or error. */
  last(): WorkerLine | undefined
  /** Epoch milliseconds of its exit. */
  endedAt(): number | undefined
  /** Suspends the process (SIGSTOP) and waits until it stands still. */
  suspend(): Promise<void>
  /**
   * Ends a loop, and resolves with its last line. Rejects if the process failed or printed to
   * stderr.
   */
  end(): Promise<WorkerLine>
}

export type Env = Record<string, string | undefined>

/**
 * Starts a worker, which is killed when the test ends. `support/worker.cjs` names what `env` may
 * have.
 */
export function startWorker(t: Test, { engine, options }: StoreConfig, upstream: Pick<Upstream, 'url'>, env: Env = {}): Worker {
  const script = join(import.meta.dirname, 'worker.cjs')
  const child = start(script, { ENGINE: engine, STORE: JSON.stringify(options), URL: upstream.url, ...env })
  const lines: WorkerLine[] = []
  let rest = ''
  child.process.stdout!.on('data', (chunk) => {
    const parts = `${rest}${chunk}`.split('\n')
    rest = parts.pop()!
    lines.push(...parts.map((line) => JSON.parse(line)))
  })
  let endedAt: number | undefined
  child.process.once('exit', () => (endedAt = Date.now()))
  t.teardown(async () => {
    child.process.kill('SIGKILL')
    await child.exited
  })
  return {
    ...child,
    answered: child.answered as Promise<WorkerLine>,
    lines,
    last: () => lines.findLast(({ value, error }) => value !== undefined || error !== undefined),
    endedAt: () => endedAt,
    suspend: async () => {
      child.process.kill('SIGSTOP')
      await untilStopped(child.pid)
    },
    end: async () => {
      child.process.kill('SIGTERM')
      const { code, err } = await child.exited
      if (code !== 0 || err !== '') throw new Error(`code ${code}: ${err}`)
      return lines.at(-1)!
    },
  }
}

/** Workers that share a space of a database and an upstream. */
export interface Scene<S extends Space> {
  upstream: Upstream
  space: S
  /** Starts a process that gets (or refreshes) the value once, and ends by itself. */
  get(env?: Env, place?: Place): Worker
  /** Starts a process that gets the value again and again, until its `end` is called. */
  loop(env?: Env, place?: Place): Worker
  /** Starts this many loops. Every second one also listens for `change` events. */
  loops(count: number, env?: Env, place?: Place): Worker[]
}

export async function createScene<S extends Space>(
  t: Test,
  database: Database<S>,
  options: Parameters<typeof startUpstream>[0] = {},
): Promise<Scene<S>> {
  const space = database.createSpace(t)
  const upstream = await startUpstream(options)
  t.teardown(() => upstream.close())
  const get: Scene<S>['get'] = (env, place) => startWorker(t, space.config(place), upstream, env)
  const loop: Scene<S>['loop'] = (env, place) => get({ LOOP: '10', ...env }, place)
  return {
    upstream,
    space,
    get,
    loop,
    loops: (count, env, place) =>
      Array.from({ length: count }, (_, i) => loop(i % 2 === 0 ? { WATCH: '1', ...env } : env, place)),
  }
}

/** The different values that the workers got last, or the messages of their errors. */
export const values = (workers: Worker[]): string[] => [
  ...new Set(workers.map((worker) => String(worker.last()?.value ?? worker.last()?.message))),
]

/** Waits until every worker got this value last. */
export const allHave = (workers: Worker[], value: string): Promise<boolean> =>
  until(() => workers.every((worker) => worker.last()?.value === value), { what: `all have ${value}` })

/**
 * Waits until a condition holds, and resolves with its truthy result. Throws if it does not hold in
 * time.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 30_000, what = String(condition) }: { timeoutMs?: number; what?: string } = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const found = await condition()
    if (found) return found
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`)
    await pause(10)
  }
}
