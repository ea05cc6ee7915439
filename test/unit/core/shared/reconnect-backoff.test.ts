import t from 'tap'
import { ReconnectBackoff } from '../../../../src/core/shared/reconnect-backoff.js'

t.test('each failure doubles the wait, from the first to the longest', async (t) => {
  const backoff = new ReconnectBackoff(50, 1000)
  t.same(
    Array.from({ length: 7 }, () => backoff.next()),
    [50, 100, 200, 400, 800, 1000, 1000],
  )
})

t.test('a success begins again with the first wait', async (t) => {
  const backoff = new ReconnectBackoff(50, 1000)
  backoff.next()
  backoff.next()
  backoff.reset()
  t.equal(backoff.next(), 50)
})

t.test('after a thousand failures the wait is still the longest', async (t) => {
  const backoff = new ReconnectBackoff(1, 60_000)
  for (let failure = 0; failure < 1000; failure++) backoff.next()
  t.equal(backoff.next(), 60_000)
})

t.test('jitter shortens a wait to no less than half of it', async (t) => {
  for (let round = 0; round < 100; round++) {
    const ms = new ReconnectBackoff(100, 400, { jitter: true }).next()
    t.ok(ms >= 50 && ms <= 100, `${ms}`)
  }
})
