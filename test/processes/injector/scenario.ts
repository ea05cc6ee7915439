import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GetterOutput, INJECTED_ENTRY, startGetter, untilStopped } from '../../support/children.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { pause } from '../../support/timing.js'
import { startUpstream, tokenNumber } from '../../support/upstream.js'

export type Action = 'kill' | 'stop' | 'delete' | 'damage'

export interface Outcome {
  /** Whether the injection happened. */
  injected: boolean
  /** The output of the injected process, if it lived. */
  first: GetterOutput | undefined
  second: GetterOutput
  /** The output of a third process, at the end. */
  third: GetterOutput
  /** Number of requests at the upstream. */
  fetches: number
  /** Pairs of living processes whose requests overlapped. */
  overlaps: string[]
  /**
   * The token number of each record that the file held, in order; NaN for one that did not parse.
   */
  history: number[]
  /** The names that are left in `.lock` at the end. */
  locks: string[]
}

/**
 * Stops or kills one process, or deletes or damages its record, at one step of its fetch. A second
 * process wants the value meanwhile, and a third one gets it afterwards. `before` is the state at
 * the start. 'expired': an old record. 'dead': also the lock of a killed holder. 'failing': also a
 * first fetch that fails.
 */
export async function playScenario(step: string, action: Action, before: 'expired' | 'dead' | 'failing'): Promise<Outcome> {
  let cleanUp = () => {}
  const dir = temporaryFolder({ teardown: (remove) => (cleanUp = remove) })
  const log = `${dir}.log`
  const upstream = await startUpstream({ delay: 60 })
  const env = { DIR: dir, URL: upstream.url, TIMEOUT: '1' }
  const history: number[] = []
  const record = join(dir, 'TOKEN.dog')
  const old = { dotdog: 1, key: 'TOKEN', value: 'token-0-of-old', fetchedAt: 1000, expiresAt: 2000, ahead: 0, generation: 5 }
  writeFileSync(record, JSON.stringify(old))
  const recordHistory = () => {
    if (!existsSync(record)) return
    const number = readNumber(record)
    if (number !== history.at(-1) && !(Number.isNaN(number) && Number.isNaN(history.at(-1)))) history.push(number)
  }
  const watching = setInterval(recordHistory, 1)
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
    // A process that was stopped may be overtaken. The test asks what it does when it continues.
    if (action === 'stop') first.process.kill('SIGCONT')
    const answered = action === 'kill' ? undefined : await first.answered
    // After a failed fetch the back-off would stop the third process, so it uses force.
    const third = await startGetter(before === 'failing' ? { ...env, REFRESH_OPTIONS: '{"force":true}' } : env).answered
    recordHistory()
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
