import t from 'tap'
import { grantedWaitMs } from '../../../src/server/routes/keys.js'

t.test('A long poll is answered before the usual 60 s of a proxy are over', async (t) => {
  t.equal(grantedWaitMs(25), 25_000)
  t.equal(grantedWaitMs(60), 50_000)
  t.equal(grantedWaitMs(0.3), 300)
})
