// An upstream that is down for longer than a lifetime, with many callers in many processes. The
// number of calls depends on the shared back-off alone.
import t from 'tap'
import { withFailure } from '../../src/core/model/failure-backoff.js'
import { startMachine } from '../support/controlled-process.js'
import { pause, until } from '../support/timing.js'

const PROCESSES = 4
/** Calls a second, in all processes together. */
const CALLS_PER_S = 50
/** How long the upstream is down, in milliseconds. */
const DOWN_MS = 12_000
const LIFETIME_S = 1

/**
 * The waits of the policy after the first, second, … failure in a row, in milliseconds, at a jitter
 * from 0 to 1.
 */
function* waits(jitter: number): Iterable<number> {
  let ledger: Parameters<typeof withFailure>[0] = { fetches: { since: 0, count: 0, last: 0 } }
  for (;;) {
    ledger = withFailure(ledger, 0, { code: 'ERR_DOG_FETCH', message: '' }, jitter)
    yield ledger.failure!.retryAt
  }
}

/**
 * How many calls fit into `ms` milliseconds after the first failure, which is one of them. Each
 * call loses `slack` milliseconds.
 */
function callsIn(ms: number, jitter: number, slack: number): number {
  let at = 0
  let calls = 1
  for (const wait of waits(jitter)) {
    at += wait + slack
    if (at > ms) return calls
    calls++
  }
  return calls
}

t.test('The back-off doubles from 1 s to 60 s, each wait between a half and the whole', (t) => {
  const [least, most] = [0, 1].map((jitter) => {
    const found: number[] = []
    for (const wait of waits(jitter)) if (found.push(wait) === 8) break
    return found
  })
  t.strictSame(least, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  t.strictSame(most, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  t.end()
})

t.test(
  `While the upstream is down for ${DOWN_MS / 1000} s, ${CALLS_PER_S} calls a second in ${PROCESSES} processes reach it only as the back-off allows`,
  async (t) => {
    const { upstream, processes } = await startMachine(t, PROCESSES, { delay: 30, expiresIn: LIFETIME_S })
    t.strictSame(new Set(await Promise.all(processes.map((process) => process.get()))).size, 1)
    t.equal(upstream.count, 1)
    upstream.failures = Number.POSITIVE_INFINITY
    await Promise.all(processes.map((process) => process.ask('startLoad', CALLS_PER_S / PROCESSES)))
    await until(() => upstream.count === 2)
    await pause(DOWN_MS)
    const failed = upstream.count - 1
    const [least, most] = [callsIn(DOWN_MS, 1, 1000), callsIn(DOWN_MS, 0, 0)]
    t.comment(`${failed} calls; the policy allows ${least} to ${most}`)
    t.ok(failed <= most, `${failed} calls, at most ${most}`)
    t.ok(failed >= least, `${failed} calls, at least ${least}: one probe when each wait ends`)
    t.strictSame(upstream.overlaps, [])

    const counts = (
      await Promise.all(processes.map((process) => process.ask<Array<Record<string, number>>>('stopLoad')))
    ).flat()
    const calls = counts.flatMap((count) => Object.entries(count))
    t.strictSame([...new Set(calls.map(([what]) => what))].sort(), ['ERR_DOG_FETCH', 'token-1-of-the-upstream'])
    const total = calls.reduce((sum, [, count]) => sum + count, 0)
    t.ok(total > (CALLS_PER_S * DOWN_MS) / 1000 / 3, `${total} calls were answered at once`)

    // The upstream works again once no process is trying. One process tries at the end of the wait,
    // for all.
    await until(async () => ((await processes[0]!.ask('status')) as { holder?: string }).holder === undefined)
    upstream.failures = 0
    const [{ failure }] = (await Promise.all([processes[0]!.ask('status')])) as [{ failure: { retryAt: number } }]
    const before = upstream.count
    await pause(Math.max(0, Math.min(20_000, failure.retryAt - Date.now())) + 20)
    const values = await Promise.all(processes.map((process) => process.get()))
    t.equal(new Set(values).size, 1)
    t.equal(upstream.count, before + 1)
  },
)
