import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'

/** A terminal sends these to the command as well: it must not get them twice. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGWINCH']
const FORWARDED: readonly NodeJS.Signals[] = [...FROM_TERMINAL, 'SIGTERM', 'SIGUSR1', 'SIGUSR2']
/** A command that is to be replaced may take this long to end. */
const RESTART_GRACE_MS = 10_000

const NOT_FOUND = 127
const NOT_EXECUTABLE = 126

/** The command that `exec` runs: its signals, its exit code, and its replacement by itself with new values. */
export class ChildCommand {
  readonly #command: string
  readonly #args: readonly string[]
  #child: ChildProcess | undefined
  /** The environment of the next start, while the command is being replaced. */
  #next: NodeJS.ProcessEnv | undefined
  #isEnding = false
  readonly #hasTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)

  constructor(command: string, args: readonly string[]) {
    this.#command = command
    this.#args = args
  }

  /** Runs the command to its end. Resolves to the exit code of the program. */
  async run(env: NodeJS.ProcessEnv): Promise<number> {
    const listeners = FORWARDED.map((signal) => [signal, () => this.#forward(signal)] as const)
    for (const [signal, listener] of listeners) process.on(signal, listener)
    try {
      let code = await this.#start(env)
      while (this.#next !== undefined && !this.#isEnding) {
        const next = this.#next
        this.#next = undefined
        code = await this.#start(next)
      }
      return code
    } finally {
      for (const [signal, listener] of listeners) process.off(signal, listener)
    }
  }

  /** Ends the command and starts it again with another environment. */
  restart(env: NodeJS.ProcessEnv): void {
    const isUnderWay = this.#next !== undefined
    this.#next = env
    const child = this.#child
    if (isUnderWay || child === undefined) return
    child.kill('SIGTERM')
    const killer = setTimeout(() => child.kill('SIGKILL'), RESTART_GRACE_MS)
    child.once('exit', () => clearTimeout(killer))
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  #forward(signal: NodeJS.Signals): void {
    if (signal !== 'SIGWINCH' && !signal.startsWith('SIGUSR')) this.#isEnding = true
    if (this.#hasTerminal && FROM_TERMINAL.includes(signal)) return
    this.signal(signal)
  }

  #start(env: NodeJS.ProcessEnv): Promise<number> {
    const child = spawn(this.#command, this.#args, { env, stdio: 'inherit' })
    this.#child = child
    return new Promise((resolve) => {
      child.on('error', (error: NodeJS.ErrnoException) => {
        // A signal that could not be sent is an error event as well.
        if (child.pid !== undefined) return
        console.error(`dotdog: the command cannot be run (${error.code})`)
        resolve(error.code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE)
      })
      child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]))
    })
  }
}
