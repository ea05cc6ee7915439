import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { homeFolder } from '../../../core/shared/home-folder.js'
import { stateHome } from '../../configuration/folder.js'
import type { OtherFolder } from './facts.js'
import { environmentFolder } from './launch-facts.js'
import { inodeOf, readRecords } from './read-folder.js'

/** Other folders in which programs of this user may keep values of the same account. */

const MAX_FOLDERS = 32

export function otherFolders(dir: string, env: NodeJS.ProcessEnv): OtherFolder[] {
  const seen = new Set([inodeOf(dir)])
  const others: OtherFolder[] = []
  for (const candidate of candidates(dir, env)) {
    const inode = inodeOf(candidate)
    if (inode === undefined || seen.has(inode) || others.length === MAX_FOLDERS) continue
    seen.add(inode)
    const { records } = readRecords(candidate)
    if (records.length > 0) others.push({ dir: candidate, records })
  }
  return others
}

function* candidates(dir: string, env: NodeJS.ProcessEnv): Iterable<string> {
  const workingFolder = process.cwd()
  const home = homeFolder()
  const named = environmentFolder(env, workingFolder)
  if (named !== undefined) yield named
  for (const start of new Set([workingFolder, dirname(dir)])) {
    for (let folder = start; ; folder = dirname(folder)) {
      yield join(folder, '.dog')
      // guard_dog kept its files in the working folder.
      if (folder === start && existsSync(join(folder, 'package.json'))) yield folder
      if (folder === dirname(folder)) break
    }
  }
  // Of the projects beside each other, one may be a copy of the other.
  for (const project of namesIn(dirname(dirname(dir)))) yield join(dirname(dirname(dir)), project, '.dog')
  if (home !== undefined) yield join(home, '.dog')
  const states = join(stateHome(env), 'dotdog')
  for (const name of namesIn(states)) {
    yield join(states, name)
    // Of a package with a scope.
    if (name.startsWith('@')) for (const rest of namesIn(join(states, name))) yield join(states, name, rest)
  }
}

const MAX_NAMES = 256

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).slice(0, MAX_NAMES)
  } catch {
    return []
  }
}
