// The CPU that a process uses while it waits for the fetch of another process for several seconds.
import { line, show, spreadOf } from '../measure.mjs'

const WAITERS = 4
const IDLE = 2
const FETCH_MS = 5000
const ROUNDS = 3

export async function waiters(lab) {
  const dir = lab.folder('waiters')
  const start = async (role) => {
    const subject = lab.start('waiters.cjs', [dir, role])
    await subject.next()
    return subject
  }
  const holder = await start('holder')
  const waiting = await Promise.all(Array.from({ length: WAITERS }, () => start('waiter')))
  const idle = await Promise.all(Array.from({ length: IDLE }, () => start('idle')))
  const found = { waiting: [], idle: [] }
  for (let round = 0; round < ROUNDS; round++) {
    const order = { key: `KEY-${round}`, ms: FETCH_MS }
    await holder.ask(order)
    const shares = async (all) =>
      (await Promise.all(all.map((one) => one.ask(order)))).map(({ cpu, seconds }) => (100 * cpu) / seconds)
    const [first, second] = await Promise.all([shares(waiting), shares(idle)])
    await holder.next()
    found.waiting.push(...first)
    found.idle.push(...second)
  }
  for (const one of [holder, ...waiting, ...idle]) await one.stop()
  const beside = `an idle process: ${show(spreadOf(found.idle).median, '%')}`
  const note = `${WAITERS} waiters, a fetch of ${FETCH_MS / 1000} s`
  return [line('waiters', 'CPU of a waiter, of one core', spreadOf(found.waiting), { unit: '%', target: 1, beside, note })]
}
