import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { DIST_ENTRY } from '../../support/children.js'

/** Runs programs written for guard_dog as processes, in a copy that they may write to. */

export interface Program {
  /** The working folder. */
  folder: string
  process: ChildProcess
  /** The lines printed so far. */
  lines: string[]
  /** The text on standard error so far. */
  errors(): string
  /** Resolves when the condition holds after a printed line, or when the program ends. */
  until(condition: (lines: string[]) => boolean): Promise<void>
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/**
 * Copies a folder of programs to `<temporary>/programs`. A package `guard_dog` that loads dotdog is
 * beside it and in `node_modules`. Programs run with the temporary folder as home, so that no `.dog`
 * folder above it is found. Returns the temporary folder.
 */
export function copyPrograms(t: Test, source: string): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'dotdog-test-')))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  cpSync(source, join(root, 'programs'), { recursive: true })
  for (const folder of [join(root, 'guard_dog'), join(root, 'node_modules/guard_dog')]) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"name":"guard_dog","type":"commonjs","main":"index.js"}')
    writeFileSync(join(folder, 'index.js'), `module.exports = require(${JSON.stringify(DIST_ENTRY)})\n`)
  }
  return root
}

/** Runs a script in its own folder. It is killed when the test ends. */
export function run(t: Test, root: string, folder: string, script: string): Program {
  const cwd = join(root, folder)
  const child = spawn(process.execPath, [script], {
    cwd,
    env: { PATH: process.env.PATH, HOME: root, USERPROFILE: root },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  let wake: (() => void)[] = []
  const program: Program = {
    folder: cwd,
    process: child,
    lines: [],
    errors: () => err,
    async until(condition) {
      while (!condition(program.lines) && child.exitCode === null && child.signalCode === null) {
        await new Promise<void>((resolve) => wake.push(resolve))
      }
    },
    exited: new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal }))),
  }
  const notify = () => {
    const all = wake
    wake = []
    for (const resolve of all) resolve()
  }
  child.stdout.on('data', (chunk) => {
    out += chunk
    program.lines = out.split('\n').slice(0, -1)
    notify()
  })
  child.stderr.on('data', (chunk) => (err += chunk))
  child.once('close', notify)
  t.teardown(async () => {
    child.kill('SIGKILL')
    await program.exited
  })
  return program
}

/** Whether no number is less than the one before. */
export const isSorted = (numbers: number[]): boolean => numbers.every((number, at) => at === 0 || number >= numbers[at - 1]!)
