import t from 'tap'
import { stoppedCommits } from './commit.js'

const MOST = 16

t.test(
  'a holder that is stopped before any system call of its commit, and overtaken, puts no older value in place',
  async (t) => {
    const { stopped, overtaken, wrong } = await stoppedCommits(MOST)
    t.strictSame(wrong, [])
    t.ok(stopped < MOST, `${stopped} of ${MOST} calls, so all that there are`)
    t.ok(overtaken > 3, `${overtaken} were overtaken`)
  },
)
