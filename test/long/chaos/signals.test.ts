import t from 'tap'
import { signals } from './signals.js'

// What these signals can hit is as long as the milliseconds between two of them. A gap of microseconds inside of a commit
// (looks, then renames) is hit by none of sixty: commit.test.ts stops a process before each of its system calls.
t.test('eight processes under SIGKILL, SIGSTOP and SIGCONT', { timeout: 240_000 }, async (t) => {
  // Two time-outs: a short one, which the longer stops overstep, and one that none does, under which nothing may fail at all.
  const all = await Promise.all([
    signals({ injections: 30, timeout: 1, seed: 11, longest: 6000 }),
    signals({ injections: 30, timeout: 10, seed: 12, longest: 4000 }),
  ])
  for (const figures of all) {
    const { overlaps, older, torn, late, errors, left, fetches, records, explained, overtaken } = figures
    t.test(`with a time-out of ${figures.timeout} s`, async (t) => {
      t.strictSame(overlaps, [], 'no two living processes, within their time-outs, fetch at once')
      t.strictSame(older, [], 'no older value comes after a newer one')
      t.strictSame(torn, [], 'every record parses')
      t.strictSame(late, [], 'no get takes longer than 2 × time-out + 2 s')
      t.strictSame(errors, [], 'no error but those that a stop explains')
      t.strictSame(left, [], 'nothing is left in the folder but records and ledgers')
      if (figures.timeout === 1) t.ok(overtaken > 0, `${overtaken} fetches beside a holder that stood still for too long`)
      if (figures.timeout === 10) {
        t.strictSame(explained, {}, 'a stop of 4 s explains no error')
        t.equal(overtaken, 0, 'nor that a holder is overtaken')
      }
      t.ok(fetches > 3 && records > 2, `${fetches} fetches, ${records} records`)
      t.comment(JSON.stringify({ ...figures }))
    })
  }
  const sum = (name: 'onHolder' | 'kills' | 'stops') => all.reduce((total, figures) => total + figures[name], 0)
  t.ok(sum('onHolder') > (sum('kills') + sum('stops')) / 2, `${sum('onHolder')} of 60 landed on the holder`)
})
