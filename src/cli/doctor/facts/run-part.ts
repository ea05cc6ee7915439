import { writeSync } from 'node:fs'
import { findAndLoad } from '../../configuration/session.js'
import type { SessionArguments } from '../../lib/arguments.js'
import { ExitError } from '../../lib/exit-error.js'
import { configurationFacts } from './configuration-facts.js'
import type { Steps } from './facts.js'
import { folderFacts } from './folder-facts.js'
import { launchFacts } from './launch-facts.js'
import { otherFolders } from './other-folders.js'
import { PART_TIMEOUT_MS, type Part, REPORT_FD, type Report } from './parts.js'

/** Runs one part, in the process that was started for it, and ends this process. */
export async function gatherPart(part: Part, args: SessionArguments): Promise<never> {
  // Also where the process that started this one was killed.
  setTimeout(() => process.exit(1), PART_TIMEOUT_MS).unref()
  await RUN[part](args)
  // Connections and watchers are of no more use.
  process.exit(0)
}

async function step<S extends keyof Steps>(name: S, gather: () => Steps[S] | undefined | Promise<Steps[S] | undefined>) {
  try {
    const facts = await gather()
    if (facts !== undefined) report({ step: name, facts })
    return facts
  } catch (error) {
    report({ step: name, error: ExitError.of(error).message })
    return undefined
  }
}

function report(line: Report): void {
  let rest = Buffer.from(`${JSON.stringify(line)}\n`)
  while (rest.length > 0) rest = rest.subarray(writeSync(REPORT_FD, rest))
}

const RUN: Record<Part, (args: SessionArguments) => Promise<unknown>> = {
  async files(args) {
    await step('launch', () => launchFacts(process.env))
    const configuration = await step('configuration', () => configurationFacts(args, process.env))
    if (configuration?.place.kind !== 'folder') return
    const { dir } = configuration.place
    const folder = await step('folder', () => folderFacts(dir))
    if (folder?.exists) await step('watching', async () => (await import('./watching.js')).watchingFacts(dir))
    await step('others', () => otherFolders(dir, process.env))
  },
  async keys(args) {
    await step('keys', async () => (await import('./key-facts.js')).keyFacts(args, process.env))
  },
  async network(args) {
    // What is wrong with the configuration is the business of another part.
    const configuration = await findAndLoad(args.config, process.env).catch(() => undefined)
    if (configuration === undefined) return
    const network = await import('./network-facts.js')
    await Promise.all([
      step('clocks', () => network.clockFacts(configuration.data)),
      step('accounts', () => network.accountFacts(configuration.data)),
    ])
  },
}
