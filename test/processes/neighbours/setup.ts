import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { createDog } from '../../support/test-dog.js'

/** A folder of the dog, and beside it one that the dog must not touch. */

export interface FolderScene {
  dir: string
  outside: string
  fetches: { count: number }
  dog: ReturnType<typeof createDog>
  /** The names, kinds, times and contents in the folder outside. */
  snapshot(): string
}

export function dogBesideFolder(t: Test, options: Record<string, unknown> = {}): FolderScene {
  const base = temporaryFolder(t)
  const dir = join(base, '.dog')
  const outside = join(base, 'outside')
  mkdirSync(outside, { mode: 0o700 })
  writeFileSync(join(outside, 'file'), 'theirs')
  const fetches = { count: 0 }
  const dog = createDog({ dir, timeout: 2, ...options })
  t.teardown(() => dog.close())
  dog.init('K', () => ({ value: `value ${++fetches.count}`, expiresIn: 60 }))
  const snapshot = () =>
    (readdirSync(outside, { recursive: true, encoding: 'utf8' }) as string[])
      .sort()
      .map((name) => {
        const path = join(outside, name)
        const { mode, mtimeMs, size } = lstatSync(path)
        return `${name} ${mode.toString(8)} ${mtimeMs} ${size} ${lstatSync(path).isFile() ? readFileSync(path, 'utf8') : ''}`
      })
      .concat(`${lstatSync(outside).mode.toString(8)} ${lstatSync(outside).mtimeMs}`)
      .join('\n')
  return { dir, outside, fetches, dog, snapshot }
}

/** Things that are put in the place of a file of ours. */
export const obstacles: Record<string, (path: string, outside: string) => void> = {
  'a symbolic link to a file': (path, outside) => symlinkSync(join(outside, 'file'), path),
  'a symbolic link to a folder': (path, outside) => symlinkSync(outside, path),
  'a symbolic link to nothing': (path, outside) => symlinkSync(join(outside, 'nothing'), path),
  'a FIFO': (path) => void execFileSync('mkfifo', [path]),
}

export const isRoot = process.getuid?.() === 0
/** The uid of `nobody` on most systems. */
export const NOBODY_UID = 65_534

export const plantObstacle = (what: string, path: string, outside: string) => {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
  obstacles[what]!(path, outside)
}
