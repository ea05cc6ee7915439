import t from 'tap'
import type { KeyStatus } from '../../../../index.js'
import { sortedByKey } from '../../../../src/core/dog/sorted-by-key.js'

t.test('A long list is sorted by key in pieces, with a turn after each', async (t) => {
  const all = Array.from(
    { length: 20_000 },
    (_, at): KeyStatus => ({ key: `USER_${(at * 7919) % 20_000}`, state: 'missing', fetches: 0, store: 'memory' }),
  )
  const keys = all.map(({ key }) => key).sort()
  let turns = 0
  const sorted = await sortedByKey(all, () => {
    turns++
    return undefined
  })
  t.same(
    sorted.map(({ key }) => key),
    keys,
  )
  t.equal(turns, 20, 'five pieces, and five pieces in each of three rounds of merging')
  t.same(await sortedByKey([], () => undefined), [])
})
