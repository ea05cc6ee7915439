import t from 'tap'
import { fixture, start, temporary } from '../../support/children.js'

for (const [kind, script] of [
  ['a sloppy script', 'sloppy.cjs'],
  ['a strict script', 'strict.cjs'],
  ['an ES module, by the default import', 'module.mjs'],
] as const) {
  t.test(`Assigning dog.debug in ${kind} prints events to standard error, and never a value`, async (t) => {
    const DIR = temporary((end) => t.teardown(end))
    const { code, out, err } = await start(fixture(`guard_dog/${script}`), { DIR }).exited
    t.equal(code, 0, err)
    t.same(JSON.parse(out), [false, true, 'the-value'])
    t.match(err, /dotdog: \[KEY\] fetched/)
    t.notMatch(err, /the-value/)
  })
}

t.test('After `debug = false` nothing is printed', async (t) => {
  const DIR = temporary((end) => t.teardown(end))
  const { code, out, err } = await start(fixture('guard_dog/quiet.cjs'), { DIR }).exited
  t.equal(code, 0, err)
  t.same(JSON.parse(out), [false, false, 'the-value'])
  t.equal(err, '')
})
