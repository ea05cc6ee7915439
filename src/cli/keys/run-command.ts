// Runs a program that prints a secret: without a shell, with an environment that is chosen, with
// limits on its output, and never longer than its caller waits. The program gets a process group of
// its own, so that whatever it starts can be ended with it.
import { type ChildProcess, spawn } from 'node:child_process'
import { basename } from 'node:path'
import { redact } from '../../core/shared/redact.js'
import { redactUpstreamText } from '../../core/shared/upstream/upstream-text.js'
import type { Rule } from '../../core/shared/validate.js'

export interface CommandRun {
  /** The program and its arguments. */
  command: readonly string[]
  /** Variables for the program, beside those that every program gets. */
  environment: Readonly<Record<string, string>>
  /** The folder it runs in. */
  folder: string
  env: NodeJS.ProcessEnv
  /** Ends the program, and what it started, when it aborts. */
  signal: AbortSignal
}

export const COMMAND: Rule = {
  test: (value: unknown) =>
    Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string') && value[0] !== '',
  rule: 'must be a list of strings: the program, and its arguments',
  isSecret: true,
}
export const ENVIRONMENT: Rule = {
  test: (value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(([name, text]) => /^[^=\0]+$/.test(name) && typeof text === 'string'),
  rule: 'must be an object of strings: the names and values of variables',
  isSecret: true,
}

/**
 * What a program needs to find itself and its files, and to write dates and texts. Everything else
 * in our environment may be a secret of another key.
 */
const PASSED_VARIABLES =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TEMP|TMP|XDG_\w+|SYSTEMROOT|USERPROFILE|APPDATA|LOCALAPPDATA|PATHEXT)$/i

const MAX_OUTPUT_BYTES = 1_000_000
const MAX_SHOWN_CHARS = 300
/** After the program's end: a process that it left behind may hold its output open. */
const DRAIN_MS = 200

/**
 * Returns what the program printed on standard output.
 *
 * @throws Error that names the program without its arguments, and has the end of what it printed on
 * standard error, redacted.
 */
export function runCommand({ command, environment, folder, env, signal }: CommandRun): Promise<string> {
  const [program = '', ...args] = command
  const name = basename(program)
  if (signal.aborted) return Promise.reject(new Error(`${name} was not started: the time is over`))
  const passed = Object.fromEntries(Object.entries(env).filter(([variable]) => PASSED_VARIABLES.test(variable)))
  return new Promise((resolve, reject) => {
    // Before the start: the program may be running before this process goes on.
    listen()
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...passed, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      windowsHide: true,
    })
    running.add(child)
    const out: Buffer[] = []
    let bytes = 0
    let err = ''
    let problem: string | undefined
    const end = (reason: string) => {
      problem ??= reason
      killGroup(child)
    }
    const onAbort = () => end('was ended: its time was over')
    signal.addEventListener('abort', onAbort, { once: true })
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_OUTPUT_BYTES) end(`printed more than ${MAX_OUTPUT_BYTES} bytes`)
      else out.push(chunk)
    })
    child.stderr.on('data', (chunk: Buffer) => {
      err = (err + chunk.toString('utf8')).slice(-MAX_OUTPUT_BYTES)
    })
    child.on('error', (error: NodeJS.ErrnoException) => end(`could not be started (${error.code})`))
    child.on('exit', () => setTimeout(() => [child.stdout, child.stderr].map((stream) => stream.destroy()), DRAIN_MS).unref())
    child.on('close', (code, killedBy) => {
      running.delete(child)
      if (running.size === 0) stopListening()
      signal.removeEventListener('abort', onAbort)
      if (problem === undefined && code === 0) return resolve(Buffer.concat(out).toString('utf8'))
      const how = problem ?? (code === null ? `was ended by ${killedBy}` : `ended with code ${code}`)
      const said = redact(redactUpstreamText(err.slice(-MAX_SHOWN_CHARS), Object.values(environment)))
      reject(new Error(`${name} ${how}${said === '' ? '' : `: ${said}`}`))
    })
  })
}

/** Ends the program and everything in its process group. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

const running = new Set<ChildProcess>()
const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Ends the programs when this process ends, also by a signal. */
function listen(): void {
  // A program that could not even be started may have left the listeners.
  stopListening()
  process.on('exit', killAll)
  for (const signal of END_SIGNALS) process.on(signal, onEndSignal)
}

const killAll = () => {
  for (const child of running) killGroup(child)
}

function stopListening(): void {
  process.off('exit', killAll)
  for (const signal of END_SIGNALS) process.off(signal, onEndSignal)
}

/** The package signal-exit, which proper-lockfile uses, ends the process only if nobody else listens. */
type WithSignalExit = { __signal_exit_emitter__?: { count?: number } }

function onEndSignal(signal: NodeJS.Signals): void {
  killAll()
  stopListening()
  // With a listener, a signal no longer ends the process. Where nobody else decides about it, it must.
  const otherListeners = process.listenerCount(signal) - ((process as WithSignalExit).__signal_exit_emitter__?.count ?? 0)
  if (otherListeners <= 0) process.kill(process.pid, signal)
}
