import t from 'tap'
import { runSuspendedCommits } from './commit.js'

const MAX_CALLS = 16

t.test(
  'A holder suspended before any system call of its commit does not overwrite the value of the process that overtook it',
  async (t) => {
    const { suspended, overtaken, violations } = await runSuspendedCommits(MAX_CALLS)
    t.strictSame(violations, [])
    t.ok(suspended < MAX_CALLS, `${suspended} of ${MAX_CALLS} processes were suspended, so every call was covered`)
    t.ok(overtaken > 3, `${overtaken} holders were overtaken`)
  },
)
