import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startUpstream } from '../chaos/upstream.js'
import { type FileSystem, Mounted } from './mounts.js'
import { type Figures, type Plan, playRounds } from './rounds.js'

export interface Result {
  name: string
  /** Why it did not run. */
  skipped?: string
  figures?: Figures
  verdict: 'right' | 'limit' | 'wrong' | 'skipped'
}

/** Mounts a file system, plays all rounds in it, and removes everything. */
export async function check(fileSystem: FileSystem, plan: Plan): Promise<Result> {
  const { name, needs, limit } = fileSystem
  const missing = needs.find((need) => !isThere(need))
  if (missing !== undefined) return { name, skipped: `there is no ${missing}`, verdict: 'skipped' }
  const root = mkdtempSync(join(tmpdir(), 'dotdog-fs-'))
  const mounted = new Mounted()
  const upstream = await startUpstream()
  let rounds = 0
  try {
    let folders: string[]
    try {
      folders = await fileSystem.mount(root, mounted)
    } catch (error) {
      const said = String((error as { stderr?: Buffer }).stderr ?? error).trim()
      return { name, skipped: said.split('\n')[0]!, verdict: 'skipped' }
    }
    const figures = await playRounds(folders, plan, () => upstream.endpoint(`${++rounds}`))
    const isRight = isOneFetch(figures) && figures.errors.size === 0
    return { name, figures, verdict: isRight ? 'right' : limit === undefined ? 'wrong' : 'limit' }
  } finally {
    await upstream.close()
    mounted.undoAll()
    rmSync(root, { recursive: true, force: true })
  }
}

const isOneFetch = ({ cold, expiry, killed, deleted }: Figures): boolean =>
  cold.length > 0 && [...cold, ...expiry, ...killed, ...deleted].every((fetches) => fetches === 1)

function isThere(need: string): boolean {
  if (need.startsWith('/')) return existsSync(need)
  try {
    execFileSync('sh', ['-c', 'command -v "$0"', need], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const range = (numbers: number[]) => {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
  return numbers.length === 0 ? '–' : least === most ? `${least}` : `${least}–${most}`
}

/** One row of the table, in Markdown. */
export function row({ name, skipped, figures, verdict }: Result, limit?: string): string {
  if (figures === undefined) return `| ${name} | | | | | | not run: ${skipped} |`
  const ms = figures.lastAnswerMs.map(Math.round).sort((a, b) => a - b)
  const times = ms.length === 0 ? '–' : `${ms[ms.length >> 1]} / ${ms.at(-1)}`
  const cells = [range(figures.cold), times, range(figures.expiry), range(figures.killed), range(figures.deleted)]
  const errors = verdict === 'right' ? '' : [...figures.errors].map((error) => `: ${error}`).join('')
  return `| ${name} | ${cells.join(' | ')} | ${verdict === 'limit' ? `limit: ${limit}` : verdict}${errors} |`
}

export const HEAD = `| file system | fetches, new key | answer → last caller ms, p50 / max | expired | after a kill | deleted | |
|---|---|---|---|---|---|---|`
