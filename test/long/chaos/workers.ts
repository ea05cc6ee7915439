import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Long-lived processes that are told by messages what to do. */
const SCRIPT = join(import.meta.dirname, 'worker.cjs')

/** Milliseconds of the machine's monotonic clock, comparable with those that the workers tell. */
export const monotonic = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export interface Told {
  tells: 'ready' | 'asks' | 'stalled' | 'get' | 'fetch' | 'warning' | 'takeover'
  id?: number
  from: number
  to: number
  /** Milliseconds of it in which the process got no turn. */
  stalled: number
  value?: string
  code?: string
  message?: string
  path?: string
  cause?: string
  call: number
  since: number
  end: number
  ok?: boolean
  aborted?: boolean
}

export interface Task {
  do: 'get' | 'loop' | 'end'
  id?: number
  dir?: string
  key?: string
  url?: string
  /** Seconds. */
  timeout?: number
  mode?: number
  at?: number
  block?: number
  rest?: number
}

/** Milliseconds that a watchdog gives beside what was promised, on a busy machine. */
const PATIENCE = 20_000

let ids = 0

export class Worker {
  readonly process: ChildProcess
  readonly pid: number
  readonly ready: Promise<void>
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null; err: string }>
  /** When it stood still by a signal; the last end is open while it does. */
  readonly stops: { from: number; to: number }[] = []
  killedAt = Number.POSITIVE_INFINITY
  /** What was done to it while it held the lock; `cost`: milliseconds that others may lose by it. */
  readonly hits: { at: number; cost: number }[] = []
  readonly told: Told[] = []
  readonly #answers = new Map<number, { resolve: (told: Told) => void; reject: (error: Error) => void }>()

  /** @param by a command that runs Node, and its arguments: `unshare`, say. */
  constructor(onTold: (told: Told) => void = () => {}, by: string[] = [], env: Record<string, string> = {}) {
    const [command, ...args] = [...by, process.execPath, SCRIPT]
    this.process = spawn(command!, args, {
      env: { PATH: process.env.PATH, ...(process.env.BUILD && { BUILD: process.env.BUILD }), ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.pid = this.process.pid!
    let err = ''
    this.process.stderr!.on('data', (chunk) => (err += chunk))
    this.exited = new Promise((resolve) =>
      this.process.on('close', (code, signal) => {
        resolve({ code, signal, err })
        for (const { reject } of this.#answers.values()) reject(new Error(`worker ended: ${code} ${signal} ${err}`))
      }),
    )
    this.ready = new Promise((resolve, reject) => {
      this.process.on('error', reject)
      this.process.on('message', (told: Told) => {
        if (told.tells === 'ready') resolve()
        this.told.push(told)
        if (told.tells === 'get' && told.id !== undefined) this.#answers.get(told.id)?.resolve(told)
        onTold(told)
      })
      this.exited.then(({ err }) => reject(new Error(`worker ended before it began: ${err}`)))
    })
    this.ready.catch(() => {})
  }

  tell(task: Task): void {
    this.process.send(task, () => {})
  }

  /** One get. Rejects if the worker ends before, or if it takes far longer than it may. */
  get(task: Omit<Task, 'do' | 'id'>): Promise<Told> {
    const id = ++ids
    const answer = new Promise<Told>((resolve, reject) => this.#answers.set(id, { resolve, reject }))
    const { timeout = 30, block = 0, at = 0 } = task
    const most = 2000 * timeout + 2000 + block + Math.max(0, at - monotonic()) + PATIENCE
    const settled = within(most, `a get of pid ${this.pid}`, answer).finally(() => this.#answers.delete(id))
    // Nobody waits for the answer of a process that is about to be killed.
    settled.catch(() => {})
    this.tell({ do: 'get', id, ...task })
    return settled
  }

  get isStopped(): boolean {
    return this.stops.at(-1)?.to === Number.POSITIVE_INFINITY
  }

  kill(): void {
    this.killedAt = Math.min(this.killedAt, monotonic())
    this.process.kill('SIGKILL')
  }

  stop(): void {
    this.stops.push({ from: monotonic(), to: Number.POSITIVE_INFINITY })
    this.process.kill('SIGSTOP')
  }

  go(): void {
    this.process.kill('SIGCONT')
    const last = this.stops.at(-1)
    if (last?.to === Number.POSITIVE_INFINITY) last.to = monotonic()
  }

  /** Whether it stood still at some time of these. */
  stood(from: number, to: number): boolean {
    return this.stops.some((stop) => stop.from <= to && stop.to >= from)
  }

  /** Milliseconds for which it stood still between these. */
  stoodFor(from: number, to: number): number {
    return this.stops.reduce((sum, stop) => sum + Math.max(0, Math.min(stop.to, to) - Math.max(stop.from, from)), 0)
  }

  /** The `get` of a loop that was begun, and of which nothing was told since. */
  get underWay(): number | undefined {
    const last = this.told.findLast(({ tells }) => tells === 'asks' || tells === 'get')
    return last?.tells === 'asks' ? last.from : undefined
  }

  /** @param patience milliseconds after which it is killed: what it waits for hangs */
  async end(patience = 60_000): Promise<{ code: number | null; signal: NodeJS.Signals | null; err: string }> {
    this.tell({ do: 'end' })
    const watchdog = setTimeout(() => this.kill(), patience)
    try {
      return await this.exited
    } finally {
      clearTimeout(watchdog)
    }
  }
}

export function temporary(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'dotdog-chaos-'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** State of a process by the kernel's word; undefined when it is gone. */
export function stateOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2)[0]
  } catch {
    return undefined
  }
}

/** A watchdog: what has not ended by then is said to hang, in place of hanging with it. */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const bite = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs: it did not end within ${Math.round(ms / 1000)} s`)), ms)
  })
  try {
    return await Promise.race([work, bite])
  } finally {
    clearTimeout(timer)
  }
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(2)
}

/** Numbers that are the same in every run with the same seed (mulberry32). */
export function randomly(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
