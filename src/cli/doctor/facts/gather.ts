import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { SessionArguments } from '../../lib/arguments.js'
import type { Facts } from './facts.js'
import { PART_TIMEOUT_MS, PARTS, type Part, REPORT_FD, type Report } from './parts.js'

/**
 * Gathers the facts in bounded time. Each part runs in a process of its own: a folder of a dead
 * network blocks a whole process, and that process can then not even end itself.
 */

export async function gatherFacts(args: SessionArguments): Promise<Facts> {
  const facts: Facts = { gaps: {}, now: Date.now() }
  await Promise.all((Object.keys(PARTS) as Part[]).map((part) => runPart(part, args, facts)))
  return facts
}

async function runPart(part: Part, { config, dir }: SessionArguments, facts: Facts): Promise<void> {
  const options = [config === undefined ? [] : ['--config', config], dir === undefined ? [] : ['--dir', dir]].flat()
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, 'doctor', '--gather', part, ...options], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const pipe = child.stdio[REPORT_FD] as Readable
  let text = ''
  pipe.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  let timer: NodeJS.Timeout | undefined
  const outcome = await new Promise<'ended' | 'timeout' | Error>((resolve) => {
    child.once('close', () => resolve('ended'))
    child.once('error', resolve)
    timer = setTimeout(() => resolve('timeout'), PART_TIMEOUT_MS)
  })
  clearTimeout(timer)
  if (outcome === 'timeout') {
    // A process that waits for a dead disk cannot be killed either: nobody waits for its end.
    child.kill('SIGKILL')
    child.unref()
    pipe.destroy()
  }
  takeReports(text, facts)
  for (const step of PARTS[part]) {
    if (facts[step] !== undefined || facts.gaps[step] !== undefined) continue
    if (outcome === 'timeout') facts.gaps[step] = { isTimeout: true, message: '' }
    else if (outcome instanceof Error) facts.gaps[step] = { isTimeout: false, message: outcome.message }
  }
}

function takeReports(text: string, facts: Facts): void {
  // Of a process that was killed the last line may be cut.
  for (const line of text.split('\n').slice(0, -1)) {
    const report = JSON.parse(line) as Report
    if ('error' in report) facts.gaps[report.step] = { isTimeout: false, message: report.error }
    else Object.assign(facts, { [report.step]: report.facts })
  }
}
