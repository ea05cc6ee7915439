import { existsSync, readFileSync } from 'node:fs'
import { resolveFolder } from '../../../core/shared/home-folder.js'
import type { LaunchFacts } from './facts.js'

/** Where and how the program runs. */

const MAX_PARENTS = 16

export function launchFacts(env: NodeJS.ProcessEnv): LaunchFacts {
  const parents = parentNames()
  const workingFolder = process.cwd()
  return {
    workingFolder,
    uid: process.getuid?.(),
    parents,
    isPm2: env.pm_id !== undefined || parents.some((name) => /^PM2\b/.test(name)),
    isCron: parents.some((name) => /^(cron|crond|anacron|fcron|atd)$/i.test(name)),
    isNpx: /[\\/](_npx|dlx)[\\/]/.test(process.argv[1] ?? ''),
    container: containerSign(env),
    environmentFolder: environmentFolder(env, workingFolder),
  }
}

/** `DOTDOG_DIR` as an absolute path. Whoever uses it says what is wrong with it. */
export function environmentFolder({ DOTDOG_DIR }: NodeJS.ProcessEnv, workingFolder: string): string | undefined {
  try {
    return DOTDOG_DIR ? resolveFolder('DOTDOG_DIR', DOTDOG_DIR, workingFolder) : undefined
  } catch {
    return undefined
  }
}

function containerSign(env: NodeJS.ProcessEnv): string | undefined {
  const signs = ['/.dockerenv', '/run/.containerenv'].filter((path) => existsSync(path))
  if (env.KUBERNETES_SERVICE_HOST) signs.push('KUBERNETES_SERVICE_HOST')
  return signs[0]
}

/** The names of the processes above, as far as the system shows them. */
function parentNames(): string[] {
  const names: string[] = []
  try {
    for (let pid = process.ppid; pid > 0 && names.length < MAX_PARENTS; ) {
      const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const end = text.lastIndexOf(')')
      names.push(text.slice(text.indexOf('(') + 1, end))
      pid = Number(text.slice(end + 2).split(' ')[1])
    }
  } catch {
    // There is no /proc, or it shows no processes of others.
  }
  return names
}
