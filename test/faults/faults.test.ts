import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

/** Calls of `fs` that a process makes for what it wants, at least. Fewer: the faults would not be where they should be. */
const LEAST = { 'no folder': 50, 'an expired record': 60, 'a fresh record': 5, 'a fetcher that fails': 60, 'a set': 30 }

t.test('whichever call of fs fails, a get ends in the value or in an ERR_DOG_STORE, and leaves no lock', async (t) => {
  const env = { ...process.env, SAMPLE: '1' }
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'faults.cjs')], { env })
  const { runs, calls, outcomes, wrong } = JSON.parse(stdout)
  t.strictSame(wrong, [])
  for (const [what, least] of Object.entries(LEAST)) t.ok(calls[what] >= least, `${what}: ${calls[what]} calls`)
  t.ok(outcomes.value > 0 && outcomes.ERR_DOG_STORE > 0, 'some faults are survived, some are said')
  t.comment(`${runs} runs: ${JSON.stringify(outcomes)}`)
})
