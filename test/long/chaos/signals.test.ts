import t from 'tap'
import { runSignals } from './signals.js'

// Random signals hit gaps as long as the milliseconds between two of them. None of sixty hits the
// microseconds between the check and the rename of a commit: commit.test.ts suspends a process
// before each of its system calls.
t.test('Eight processes keep every promise under SIGKILL, SIGSTOP and SIGCONT', { timeout: 240_000 }, async (t) => {
  // Stops are longer than the first time-out, and shorter than the second, under which nothing fails.
  const all = await Promise.all([
    runSignals({ injections: 30, timeout: 1, seed: 11, maxStopMs: 6000 }),
    runSignals({ injections: 30, timeout: 10, seed: 12, maxStopMs: 4000 }),
  ])
  for (const figures of all) {
    const { overlaps, regressions, torn, lateGets, errors, leftovers, fetches, records, explainedErrors, overtakenHolders } =
      figures
    t.test(`Eight processes keep every promise with a time-out of ${figures.timeout} s`, async (t) => {
      t.strictSame(overlaps, [], 'no two living processes, within their time-outs, fetch at once')
      t.strictSame(regressions, [], 'no older value comes after a newer one')
      t.strictSame(torn, [], 'every record parses')
      t.strictSame(lateGets, [], 'no get takes longer than 2 × time-out + 2 s')
      t.strictSame(errors, [], 'only errors that a stop explains')
      t.strictSame(leftovers, [], 'only records and ledgers are left in the folder')
      if (figures.timeout === 1) t.ok(overtakenHolders > 0, `${overtakenHolders} holders were overtaken`)
      if (figures.timeout === 10) {
        t.strictSame(explainedErrors, {}, 'a stop of 4 s causes no error')
        t.equal(overtakenHolders, 0, 'and no holder is overtaken')
      }
      t.ok(fetches > 3 && records > 2, `${fetches} fetches, ${records} records`)
      t.comment(JSON.stringify({ ...figures }))
    })
  }
  const sum = (name: 'onHolder' | 'kills' | 'stops') => all.reduce((total, figures) => total + figures[name], 0)
  t.ok(sum('onHolder') > (sum('kills') + sum('stops')) / 2, `${sum('onHolder')} of 60 signals hit the holder`)
})
