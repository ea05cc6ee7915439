import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import '../../support/built.js'

/** Long-lived child processes that get commands by messages, and report by messages. */
const SCRIPT = join(import.meta.dirname, 'worker.cjs')

/** Milliseconds of the machine's monotonic clock. The workers report times of the same clock. */
export const monotonic = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A message of a worker. Which members it has depends on its type; see worker.cjs. */
export interface WorkerMessage {
  type: 'ready' | 'get-started' | 'stalled' | 'get-ended' | 'fetch-ended' | 'warning' | 'takeover'
  id?: number
  from: number
  to: number
  /** Milliseconds between `from` and `to` in which the process got no CPU time. */
  stalledMs: number
  value?: string
  code?: string
  message?: string
  path?: string
  cause?: string
  calledAt: number
  lockedAt: number
  endedAt: number
  ok?: boolean
  aborted?: boolean
}

/** A command to a worker; see worker.cjs. */
export interface WorkerCommand {
  command: 'get' | 'loop' | 'end'
  id?: number
  dir?: string
  key?: string
  url?: string
  /** The option `timeout` of the dog, in seconds. */
  timeout?: number
  mode?: number
  /** When to call `get`, by the monotonic clock. */
  startAt?: number
  /** How long the fetcher blocks the event loop. */
  blockMs?: number
  /** The longest pause between two `get`s of a loop. */
  maxPauseMs?: number
}

export type WorkerExit = { code: number | null; signal: NodeJS.Signals | null; err: string }

/** What a watchdog adds to the promised time, because the machine is busy. */
const WATCHDOG_SLACK_MS = 20_000

let lastId = 0

export class Worker {
  readonly process: ChildProcess
  readonly pid: number
  readonly ready: Promise<void>
  readonly exited: Promise<WorkerExit>
  /** When SIGSTOP suspended the process. The last `to` is infinite while it is suspended. */
  readonly suspensions: { from: number; to: number }[] = []
  killedAt = Number.POSITIVE_INFINITY
  /** Signals sent while it held the lock. `costMs`: how much time other processes may lose by it. */
  readonly disruptions: { at: number; costMs: number }[] = []
  readonly messages: WorkerMessage[] = []
  readonly #pendingGets = new Map<number, { resolve: (message: WorkerMessage) => void; reject: (error: Error) => void }>()

  /** @param launcher a command that runs Node, with its arguments: `['unshare', '--pid']` */
  constructor(launcher: string[] = [], env: Record<string, string> = {}) {
    const [command, ...args] = [...launcher, process.execPath, SCRIPT]
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
        for (const { reject } of this.#pendingGets.values()) reject(new Error(`worker ended: ${code} ${signal} ${err}`))
      }),
    )
    this.ready = new Promise((resolve, reject) => {
      this.process.on('error', reject)
      this.process.on('message', (message: WorkerMessage) => {
        if (message.type === 'ready') resolve()
        this.messages.push(message)
        if (message.type === 'get-ended' && message.id !== undefined) this.#pendingGets.get(message.id)?.resolve(message)
      })
      this.exited.then(({ err }) => reject(new Error(`worker ended before it was ready: ${err}`)))
    })
    this.ready.catch(() => {})
  }

  send(command: WorkerCommand): void {
    this.process.send(command, () => {})
  }

  /** Runs one `get`. Rejects if the worker ends first, or if it takes far longer than promised. */
  get(command: Omit<WorkerCommand, 'command' | 'id'>): Promise<WorkerMessage> {
    const id = ++lastId
    const ended = new Promise<WorkerMessage>((resolve, reject) => this.#pendingGets.set(id, { resolve, reject }))
    const { timeout = 30, blockMs = 0, startAt = 0 } = command
    const limitMs = 2000 * timeout + 2000 + blockMs + Math.max(0, startAt - monotonic()) + WATCHDOG_SLACK_MS
    const settled = withWatchdog(limitMs, `a get of pid ${this.pid}`, ended).finally(() => this.#pendingGets.delete(id))
    // A caller that kills the process does not await the result.
    settled.catch(() => {})
    this.send({ command: 'get', id, ...command })
    return settled
  }

  get isSuspended(): boolean {
    return this.suspensions.at(-1)?.to === Number.POSITIVE_INFINITY
  }

  kill(): void {
    this.killedAt = Math.min(this.killedAt, monotonic())
    this.process.kill('SIGKILL')
  }

  suspend(): void {
    this.suspensions.push({ from: monotonic(), to: Number.POSITIVE_INFINITY })
    this.process.kill('SIGSTOP')
  }

  resume(): void {
    this.process.kill('SIGCONT')
    const last = this.suspensions.at(-1)
    if (last?.to === Number.POSITIVE_INFINITY) last.to = monotonic()
  }

  /** Whether it was suspended at any time between these. */
  wasSuspended(from: number, to: number): boolean {
    return this.suspensions.some((suspension) => suspension.from <= to && suspension.to >= from)
  }

  /** Milliseconds between these times in which it was suspended. */
  suspendedMs(from: number, to: number): number {
    return this.suspensions.reduce((sum, one) => sum + Math.max(0, Math.min(one.to, to) - Math.max(one.from, from)), 0)
  }

  /** When the current `get` of a loop started; `undefined` if none is running. */
  get pendingGetSince(): number | undefined {
    const last = this.messages.findLast(({ type }) => type === 'get-started' || type === 'get-ended')
    return last?.type === 'get-started' ? last.from : undefined
  }

  /**
   * Lets the worker end what it is doing, and exit.
   *
   * @param killAfterMs the worker hangs if it has not exited by then, and is killed
   */
  async shutDown(killAfterMs = 60_000): Promise<WorkerExit> {
    this.send({ command: 'end' })
    const watchdog = setTimeout(() => this.kill(), killAfterMs)
    try {
      return await this.exited
    } finally {
      clearTimeout(watchdog)
    }
  }
}

export function temporaryFolder(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'dotdog-chaos-'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** The state of a process in /proc, such as `T` for a stopped one; `undefined` if it is gone. */
export function processState(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2)[0]
  } catch {
    return undefined
  }
}

/** Rejects if the work has not ended after `ms`, so that a hang is reported instead of shared. */
export async function withWatchdog<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timedOut = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs: it did not end within ${Math.round(ms / 1000)} s`)), ms)
  })
  try {
    return await Promise.race([work, timedOut])
  } finally {
    clearTimeout(timer)
  }
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(2)
}

/** Returns a generator of numbers from 0 to 1 that depend on the seed only (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
