import t, { type Test } from 'tap'

const DAY_MS = 86_400_000

/** A LongTimer on timers that the test fires. */
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
  return { longTimer: new LongTimer(), timers, fire }
}

t.test('A LongTimer calls back once, and does not keep the process alive', async (t) => {
  const { longTimer, timers, fire } = await setUp(t)
  let calls = 0
  longTimer.set(5000, () => calls++)
  t.match(timers, [{ ms: 5000, unrefs: 1 }])
  t.equal(calls, 0)
  fire()
  t.equal(calls, 1)
  t.equal(timers.length, 0)
})

t.test('A wait longer than a timer allows is split, and only its end calls back', async (t) => {
  const { longTimer, timers, fire } = await setUp(t)
  let calls = 0
  longTimer.set(34 * DAY_MS + 7, () => calls++)
  let waited = 0
  let pieces = 0
  while (timers.length > 0) {
    t.equal(calls, 0)
    const { ms, unrefs } = timers[0]!
    t.ok(ms <= DAY_MS && unrefs === 1)
    waited += ms
    pieces++
    fire()
  }
  t.equal(calls, 1)
  t.equal(waited, 34 * DAY_MS + 7)
  t.equal(pieces, 35)
})

t.test('A timer for a value that never expires does not call back', async (t) => {
  const { longTimer, timers, fire } = await setUp(t)
  longTimer.set(8.64e15 - Date.now(), () => t.fail('called back'))
  for (let i = 0; i < 100; i++) fire()
  t.match(timers, [{ ms: DAY_MS }])
})

t.test('A time in the past calls back after a millisecond, once', async (t) => {
  for (const ms of [0, -1, Number.NEGATIVE_INFINITY]) {
    const { longTimer, timers, fire } = await setUp(t)
    let calls = 0
    longTimer.set(ms, () => calls++)
    t.match(timers, [{ ms: 1 }])
    fire()
    t.equal(calls, 1)
    t.equal(timers.length, 0)
  }
})

t.test('Setting a LongTimer again replaces the earlier time, and stopping it prevents the callback', async (t) => {
  const { longTimer, timers, fire } = await setUp(t)
  longTimer.set(1000, () => t.fail('the first time was replaced'))
  let calls = 0
  longTimer.set(2000, () => calls++)
  t.match(timers, [{ ms: 2000 }])
  fire()
  t.equal(calls, 1)
  longTimer.set(2 * DAY_MS, () => t.fail('it was stopped'))
  fire()
  longTimer.stop()
  t.equal(timers.length, 0)
  longTimer.stop()
})
