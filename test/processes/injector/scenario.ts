import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GetterOutput, INJECTED_ENTRY, startGetter, untilStopped } from '../../support/children.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { startUpstream, tokenNumber } from '../../support/upstream.js'

export type Action = 'kill' | 'stop' | 'delete' | 'damage'

export interface Outcome {
  /** Whether the injection happened. */
  injected: boolean
  /** What the injected process answered, if it lived. */
  first: GetterOutput | undefined
  second: GetterOutput
  /** A third process, at the end. */
  third: GetterOutput
  /** Requests at the upstream. */
  fetches: number
  /** Requests of two living processes at the same time. */
  overlaps: string[]
  /** Each record that stood in the file, by its token's number, in order; NaN for one that did not parse. */
  history: number[]
  /** What is left in `.lock` at the end. */
  locks: string[]
}

/**
 * One process is stopped, killed, or has its record deleted or damaged, at one step of its fetch; another wants the value
 * meanwhile; a third looks at what they left.
 *
 * @param before 'expired': an old record is there. 'dead': and a killed holder's lock. 'failing': the first fetch fails.
 */
export async function play(step: string, action: Action, before: 'expired' | 'dead' | 'failing'): Promise<Outcome> {
  let cleanUp = () => {}
  const dir = temporaryFolder({ teardown: (remove) => (cleanUp = remove) })
  const log = `${dir}.log`
  const upstream = await startUpstream({ delay: 60 })
  const env = { DIR: dir, URL: upstream.url, TIMEOUT: '1' }
  const history: number[] = []
  const record = join(dir, 'TOKEN.dog')
  const old = { dotdog: 1, key: 'TOKEN', value: 'token-0-of-old', fetchedAt: 1000, expiresAt: 2000, ahead: 0, generation: 5 }
  writeFileSync(record, JSON.stringify(old))
  const look = () => {
    if (!existsSync(record)) return
    const number = readNumber(record)
    if (number !== history.at(-1) && !(Number.isNaN(number) && Number.isNaN(history.at(-1)))) history.push(number)
  }
  const watching = setInterval(look, 1)
  try {
    if (before === 'dead') {
      const inject = JSON.stringify({ step: 'again.read', action: 'kill', dir, log: `${log}.0` })
      await startGetter({ ...env, BUILD: INJECTED_ENTRY, DOTDOG_INJECT: inject }).exited
    }
    if (before === 'failing') upstream.failures = 1
    const inject = JSON.stringify({ step, action, dir, log })
    const first = startGetter({ ...env, BUILD: INJECTED_ENTRY, DOTDOG_INJECT: inject })
    let over = false
    first.exited.then(() => (over = true))
    while (!over && !(existsSync(log) && readFileSync(log, 'utf8').includes('!'))) await pause(2)
    if (action === 'kill') await first.exited
    if (action === 'stop') await untilStopped(first.pid)

    const second = await startGetter(env).answered
    // A living process that is stopped may be overtaken; what it does when it goes on is the question.
    if (action === 'stop') first.process.kill('SIGCONT')
    const answered = action === 'kill' ? undefined : await first.answered
    // After a failed fetch the back-off would speak for everybody: the third is told not to listen.
    const third = await startGetter(before === 'failing' ? { ...env, REFRESH_OPTIONS: '{"force":true}' } : env).answered
    look()
    return {
      injected: existsSync(log) && readFileSync(log, 'utf8').includes('!'),
      first: answered,
      second,
      third,
      fetches: upstream.count,
      overlaps: upstream.overlaps.filter((pair) => action !== 'kill' || !pair.includes(String(first.pid))),
      history,
      locks: readdirSync(join(dir, '.lock'), { recursive: true }).map(String),
    }
  } finally {
    clearInterval(watching)
    await upstream.close()
    cleanUp()
    for (const file of [log, `${log}.0`]) rmSync(file, { force: true })
  }
}

function readNumber(record: string): number {
  try {
    return tokenNumber(JSON.parse(readFileSync(record, 'utf8')).value)
  } catch {
    return Number.NaN
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
