import t, { type Test } from 'tap'

const DAY = 86_400_000

/** The alarm over timers that fire when told to. */
async function setUp(t: Test) {
  const timers: { callback: () => void; ms: number; unrefs: number }[] = []
  const { LongTimer } = (await t.mockImport('../../../../src/core/shared/long-timer.js', {
    '../../../../src/core/shared/clock.js': {
      startTimer: (callback: () => void, ms: number) => {
        const timer = { callback, ms, unrefs: 0, unref: () => void timer.unrefs++ }
        timers.push(timer)
        return timer
      },
      stopTimer: (timer: (typeof timers)[number] | undefined) => {
        if (timer !== undefined && timers.includes(timer)) timers.splice(timers.indexOf(timer), 1)
      },
    },
  })) as typeof import('../../../../src/core/shared/long-timer.js')
  const fire = () => timers.shift()!.callback()
  return { alarm: new LongTimer(), timers, fire }
}

t.test('an alarm rings once, and does not keep the process alive', async (t) => {
  const { alarm, timers, fire } = await setUp(t)
  let rings = 0
  alarm.set(5000, () => rings++)
  t.match(timers, [{ ms: 5000, unrefs: 1 }])
  t.equal(rings, 0)
  fire()
  t.equal(rings, 1)
  t.equal(timers.length, 0)
})

t.test('a wait longer than any timer is cut, and none of its pieces rings', async (t) => {
  const { alarm, timers, fire } = await setUp(t)
  let rings = 0
  alarm.set(34 * DAY + 7, () => rings++)
  let waited = 0
  let pieces = 0
  while (timers.length > 0) {
    t.equal(rings, 0)
    const { ms, unrefs } = timers[0]!
    t.ok(ms <= DAY && unrefs === 1)
    waited += ms
    pieces++
    fire()
  }
  t.equal(rings, 1)
  t.equal(waited, 34 * DAY + 7)
  t.equal(pieces, 35)
})

t.test('the expiry of what never expires is no reason to ring', async (t) => {
  const { alarm, timers, fire } = await setUp(t)
  alarm.set(8.64e15 - Date.now(), () => t.fail('rang'))
  for (let i = 0; i < 100; i++) fire()
  t.match(timers, [{ ms: DAY }])
})

t.test('what is over already rings in a moment, not in this turn and not in a loop', async (t) => {
  for (const ms of [0, -1, Number.NEGATIVE_INFINITY]) {
    const { alarm, timers, fire } = await setUp(t)
    let rings = 0
    alarm.set(ms, () => rings++)
    t.match(timers, [{ ms: 1 }])
    fire()
    t.equal(rings, 1)
    t.equal(timers.length, 0)
  }
})

t.test('set again, it forgets the time before; stopped, it does not ring', async (t) => {
  const { alarm, timers, fire } = await setUp(t)
  alarm.set(1000, () => t.fail('the first was forgotten'))
  let rings = 0
  alarm.set(2000, () => rings++)
  t.match(timers, [{ ms: 2000 }])
  fire()
  t.equal(rings, 1)
  alarm.set(2 * DAY, () => t.fail('it was stopped'))
  fire()
  alarm.stop()
  t.equal(timers.length, 0)
  alarm.stop()
})
