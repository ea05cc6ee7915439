import { appendFileSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Replaces `src/core/shared/failpoint.ts` in a build of its own. At the named step the process
 * stops or kills itself, or deletes or damages the record, once and synchronously. `DOTDOG_INJECT`
 * is the JSON of an Injection. Every step that runs is appended to the log, so that a test knows
 * whether its injection happened.
 */
interface Injection {
  step: string
  action: 'kill' | 'stop' | 'delete' | 'damage' | 'none'
  dir: string
  /** The file to which the steps are appended. */
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

/** The kernel needs a moment to deliver the signal. None of our code may run before. */
function end(signal: NodeJS.Signals): void {
  process.kill(process.pid, signal)
  const until = process.hrtime.bigint() + 20_000_000n
  while (process.hrtime.bigint() < until);
}
