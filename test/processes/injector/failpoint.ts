import { appendFileSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The injector: stands in for `src/core/shared/failpoint.ts` in a build of its own. At the named step this process stops itself, kills
 * itself, or deletes or damages the record, once, synchronously. `DOTDOG_INJECT`: `{ step, action, dir }`.
 *
 * Every step that is passed is noted in `dir`'s neighbour file, so that a test can tell that its injection happened.
 */
interface Injection {
  step: string
  action: 'kill' | 'stop' | 'delete' | 'damage' | 'none'
  dir: string
  /** A file to which the steps are appended. */
  log: string
}

const plan: Injection | undefined = process.env.DOTDOG_INJECT ? JSON.parse(process.env.DOTDOG_INJECT) : undefined
let done = false

export function failpoint(name: string, key: string): void {
  if (plan === undefined) return
  appendFileSync(plan.log, `${name}\n`)
  if (done || name !== plan.step) return
  done = true
  appendFileSync(plan.log, `! ${plan.action}\n`)
  const record = join(plan.dir, `${key}.dog`)
  if (plan.action === 'delete') rmSync(record, { force: true })
  else if (plan.action === 'damage') {
    if (existsSync(plan.dir)) writeFileSync(record, '{"dotdog":1,"key":"')
  } else if (plan.action === 'kill') end('SIGKILL')
  else if (plan.action === 'stop') end('SIGSTOP')
}

/** The signal is taken before any of our code runs on: a moment is given to the kernel. */
function end(signal: NodeJS.Signals): void {
  process.kill(process.pid, signal)
  const until = process.hrtime.bigint() + 20_000_000n
  while (process.hrtime.bigint() < until);
}
