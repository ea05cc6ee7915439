// The wall clock of one of several processes goes wrong by a day while one of them fetches.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type ControlledProcess, DAY_MS, getRepeatedly, startMachine } from '../../support/controlled-process.js'
import { pause, until } from '../../support/timing.js'
import { tokenNumber } from '../../support/upstream.js'

const token = (number: number) => `token-${number}-of-the-upstream`

/** The numbers of the tokens that a process gets, call by call, for `ms` milliseconds. */
async function collectTokenNumbers(process: ControlledProcess, ms: number): Promise<number[]> {
  const seen: number[] = []
  const end = performance.now() + ms
  while (performance.now() < end) {
    seen.push(tokenNumber(await process.get()))
    await pause(20)
  }
  return seen
}

const isOrdered = (numbers: number[]) => numbers.every((number, at) => at === 0 || number >= numbers[at - 1]!)

for (const [direction, offset] of [
  ['ahead', DAY_MS],
  ['back', -DAY_MS],
] as const) {
  for (const who of ['the process that fetches', 'a process that waits'] as const) {
    t.test(
      `When the clock of ${who} goes a day ${direction} during a fetch, all use that fetch, and no caller gets an older value`,
      async (t) => {
        const { dir, upstream, processes } = await startMachine(t, 3, { delay: 1000, key: { timeout: 5 } })
        const asked = upstream.asked()
        const answers = Promise.all(processes.map((process) => process.get()))
        const pid = Number(await asked)
        // The others wait by now, too.
        await pause(200)
        const hasWrongClock = ({ pid: each }: ControlledProcess) => (each === pid) === (who === 'the process that fetches')
        const wrong = processes.find(hasWrongClock)!
        await wrong.ask('clock', offset)
        t.equal(upstream.answeredAt.length, 0, 'the fetch is under way')
        t.strictSame(await answers, [token(1), token(1), token(1)])
        t.equal(upstream.count, 1)
        const { expiresAt } = JSON.parse(readFileSync(join(dir, 'TOKEN.dog'), 'utf8'))
        const clock = Date.now() + (wrong.pid === pid ? offset : 0)
        const left = (expiresAt - clock) / 1000
        t.ok(left > 7200 - 60 && left <= 7200, `${left} s are left by the clock of the process that fetched`)

        // Two clocks that differ by a day agree on no lifetime. Some processes fetch again, one at
        // a time.
        upstream.delay = 20
        for (const numbers of await Promise.all(processes.map((process) => collectTokenNumbers(process, 700)))) {
          t.ok(isOrdered(numbers), `${numbers}`)
        }
        t.strictSame(upstream.overlaps, [])
        t.comment(`${upstream.count} fetches while the clocks differ`)

        await wrong.ask('clock', 0)
        await until(async () => {
          const seen = await getRepeatedly(processes, 400)
          return seen.size === 1 && seen.has(token(upstream.count))
        })
        const { count } = upstream
        await getRepeatedly(processes, 600)
        t.equal(upstream.count, count, 'once the clocks agree no fetch is made')
      },
    )
  }
}
