import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { temporaryFolder } from '../support/temporary-folder.js'
import { run, type StartOptions } from './setup.js'

/** Runs `dotdog doctor --json`, and picks findings out. */

export interface JsonFinding {
  check: string
  level: 'ok' | 'note' | 'serious'
  what: string
  why?: string
  mend?: string
  [member: string]: unknown
}

export interface Examined {
  code: number | string
  findings: JsonFinding[]
  /** What a check says that is not ok. */
  of: (check: string) => JsonFinding[]
  out: string
}

/** The level of each check that is not ok everywhere. A test machine may be a container or lie on a tmpfs. */
export async function examine(t: Test, args: string[] = [], options: StartOptions = {}): Promise<Examined> {
  const { code, out, err } = await run(t, ['doctor', '--json', ...args], options)
  if (err !== '') throw new Error(err)
  const { findings } = JSON.parse(out) as { findings: JsonFinding[] }
  const of = (check: string) => findings.filter((one) => one.check === check && one.level !== 'ok')
  return { code, findings, of, out }
}

/** A project of its own, with nothing beside it, and a configuration if one is given. */
export function project(t: Test, config?: object): { cwd: string; dir: string } {
  const cwd = join(temporaryFolder(t), 'project')
  mkdirSync(cwd)
  if (config !== undefined) writeFileSync(join(cwd, 'dotdog.config.json'), JSON.stringify(config))
  return { cwd, dir: join(cwd, '.dog') }
}

/** Stores a value, as a program did before. */
export async function store(t: Test, dir: string, key = 'K', options: StartOptions = {}): Promise<void> {
  const { code, err } = await run(t, ['set', key, '--expires-in', '900', '--dir', dir], { input: 'the-value', ...options })
  if (code !== 0) throw new Error(err)
}
