import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { temporary } from '../support/children.js'
import '../support/built.js'

/** Runs the built program `dotdog` as a real process. */

const root = join(import.meta.dirname, '../..')
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
export const program = join(root, bin.dotdog)
export const built = join(root, 'dist/index.js')

export interface Started {
  child: ChildProcess
  out: () => string
  err: () => string
  /**
   * Resolves to the match as soon as one of the outputs has it. Throws if the program ends before.
   */
  printed: (pattern: RegExp) => Promise<RegExpExecArray>
  /** Resolves to the exit code, or to the signal that killed the program. */
  exited: Promise<number | string>
}

export interface StartOptions {
  env?: Record<string, string>
  cwd?: string
  /** What comes on standard input. Default: nothing, and it stays open. */
  input?: string
}

export function start(t: Test, args: string[], { env, cwd, input }: StartOptions = {}): Started {
  const child = spawn(process.execPath, [program, ...args], { cwd, env: { PATH: process.env.PATH, ...env } })
  if (input !== undefined) child.stdin.end(input)
  t.teardown(() => child.exitCode === null && child.signalCode === null && child.kill('SIGKILL'))
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  const exited = once(child, 'close').then(([code, signal]) => code ?? signal)
  let isOver = false
  exited.then(() => (isOver = true))
  async function printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(out) ?? pattern.exec(err)
      if (match) return match
      if (isOver) throw new Error(`the program ended without ${pattern}: ${out}${err}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  return { child, out: () => out, err: () => err, printed, exited }
}

export async function run(t: Test, args: string[], options: StartOptions = {}) {
  const started = start(t, args, options)
  const code = await started.exited
  return { code, out: started.out(), err: started.err() }
}

/** A folder with a configuration file, and a function that replaces the file. */
export function configured(t: Test, config: object) {
  const folder = temporary((end) => t.teardown(end))
  const path = join(folder, 'dotdog.config.json')
  const write = (text: string) => {
    // As editors do: a new file takes the place of the old one.
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }
  write(JSON.stringify(config))
  return { folder, path, write, socket: `unix:${join(folder, 's')}` }
}
