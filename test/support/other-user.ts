// Processes of another user. That user may not be able to enter the folder of the repository, nor to read what a test runner
// preloads by NODE_OPTIONS.
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DIST_ENTRY } from './children.js'

const WORKER = join(import.meta.dirname, '../long/chaos/worker.cjs')

/** The packages that a fetch loads, each with where it is asked for. */
const PACKAGES: [name: string, from: string | undefined][] = [
  ['proper-lockfile', undefined],
  ['graceful-fs', 'proper-lockfile'],
  ['retry', 'proper-lockfile'],
  ['signal-exit', 'proper-lockfile'],
]

/** Copies the chaos worker, the build and its packages to a folder that everybody may read. It is removed at the end. */
export function readableWorker(): { script: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'dotdog-readable-'))
  mkdirSync(join(folder, 'test/long/chaos'), { recursive: true })
  const script = join(folder, 'test/long/chaos/worker.cjs')
  cpSync(WORKER, script)
  cpSync(dirname(DIST_ENTRY), join(folder, 'dist'), { recursive: true })
  const folders = new Map<string | undefined, string>([[undefined, DIST_ENTRY]])
  for (const [name, from] of PACKAGES) {
    const manifest = createRequire(folders.get(from)!).resolve(`${name}/package.json`)
    folders.set(name, manifest)
    cpSync(dirname(manifest), join(folder, 'node_modules', name), { recursive: true })
  }
  execFileSync('chmod', ['-R', 'a+rX', folder])
  chmodSync(folder, 0o755)
  return { script, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

const RUN = 'unset NODE_OPTIONS; cd / && exec setpriv --reuid "$1" --regid "$2" "$3" "$4" "$0"'

/**
 * The command that runs a readable copy of the worker by another user; the path of Node follows.
 *
 * @param group a supplementary group of the user
 */
export const asUser = (script: string, uid: number, gid: number, group?: number): string[] => [
  'sh',
  '-c',
  RUN,
  script,
  String(uid),
  String(gid),
  group === undefined ? '--clear-groups' : `--groups=${group}`,
]
