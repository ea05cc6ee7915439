import t from 'tap'
import { Deadline, withDeadline, withRetries, withTimeout } from '../../../src/database/deadline.js'

const never = new Promise<never>(() => {})

t.test('a promise that is not settled in time fails with ETIMEDOUT', async (t) => {
  await t.rejects(withDeadline(never, { ms: 25 }), { code: 'ETIMEDOUT', message: 'no answer within 25 ms' })
  // A wait that lasts does not keep the process alive.
  const keepAlive = setTimeout(() => {}, 1000)
  t.teardown(() => clearTimeout(keepAlive))
  await t.rejects(withTimeout(never, 5), { code: 'ETIMEDOUT', message: 'no answer within 5 ms' })
})

t.test('a promise that is settled in time keeps its outcome', async (t) => {
  t.equal(await withDeadline(Promise.resolve('value')), 'value')
  t.equal(await withTimeout(Promise.resolve('value'), 1000), 'value')
  await t.rejects(withDeadline(Promise.reject(new Error('refused'))), { message: 'refused' })
})

t.test('a value that comes after the deadline is discarded', async (t) => {
  const deadline = new Deadline({ ms: 25 })
  const discarded: string[] = []
  let answer = (_value: string): void => {}
  const late = new Promise<string>((resolve) => (answer = resolve))
  await t.rejects(
    deadline.race(late, (value) => discarded.push(value)),
    { code: 'ETIMEDOUT' },
  )
  t.equal(deadline.isOver, true)
  answer('late')
  await late
  t.same(discarded, ['late'])
  await t.rejects(deadline.race(never), { code: 'ETIMEDOUT' }, 'nor does anything else begin under it')
  deadline.stop()
})

t.test('a task is tried again after each transient failure, as often as there are delays', async (t) => {
  let tries = 0
  let retries = 0
  const options = {
    delaysMs: [0, 1],
    isTransient: (error: unknown) => (error as Error).message === 'cut',
    onRetry: () => retries++,
  }
  const failing = (message: string, times: number) => async () => {
    if (tries++ < times) throw new Error(message)
    return tries
  }
  t.equal(await withRetries(failing('cut', 2), options), 3)
  t.equal(retries, 2)
  tries = 0
  await t.rejects(withRetries(failing('cut', 3), options), { message: 'cut' })
  tries = 0
  await t.rejects(withRetries(failing('refused', 1), options), { message: 'refused' })
  t.equal(tries, 1)
})
