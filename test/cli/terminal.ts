import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Test } from 'tap'
import { until } from '../support/timing.js'
import { program } from './setup.js'

/** Runs the program in a pseudo-terminal, as a person does. */

const IN_TERMINAL = join(import.meta.dirname, 'in-terminal.py')
export const hasTerminals = spawnSync('python3', ['-c', 'import pty']).status === 0

export interface Terminal {
  child: ChildProcess
  type: (text: string) => void
  /** Everything that was shown so far. */
  shown: () => string
  /** Resolves as soon as the terminal shows this. */
  shows: (pattern: RegExp) => Promise<void>
  exited: Promise<number>
}

export function openTerminal(
  t: Test,
  args: string[],
  {
    env = {},
    cwd,
    columns = 100,
    rows = 24,
  }: { env?: Record<string, string>; cwd?: string; columns?: number; rows?: number } = {},
): Terminal {
  const command = [IN_TERMINAL, String(columns), String(rows), process.execPath, program, ...args]
  const child = spawn('python3', command, { cwd, env: { PATH: process.env.PATH, TERM: 'xterm', ...env } })
  t.teardown(() => child.exitCode === null && child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (out += chunk))
  return {
    child,
    type: (text) => child.stdin.write(text),
    shown: () => out,
    shows: (pattern) => until(() => pattern.test(out), { what: `${pattern} in ${JSON.stringify(out)}` }),
    exited: once(child, 'close').then(([code]) => code as number),
  }
}
