// The time from the rename of a refresh until other processes see the value: processes that wait for
// it, processes that call get now and then, and processes that listen for `change`.
import { line, pause, quantile, show } from '../measure.mjs'

const OTHERS = 16
const FETCH_MS = 200

export async function refresh(lab) {
  return [...(await waiting(lab)), ...(await idle(lab)), ...(await listening(lab))]
}

async function crowd(lab, dir, size) {
  const subjects = Array.from({ length: size }, () => lab.start('refresh.cjs', [dir]))
  for (const subject of subjects) await subject.next()
  return subjects
}

const stop = (subjects) => Promise.all(subjects.map((subject) => subject.stop()))

async function waiting(lab) {
  const all = await crowd(lab, lab.folder('refresh-waiting'), OTHERS + 1)
  const late = []
  const ROUNDS = 25
  for (let round = 0; round < ROUNDS; round++) {
    const answers = await Promise.all(all.map((one) => one.ask({ role: 'wait', key: `KEY-${round}`, ms: FETCH_MS })))
    const holders = answers.filter(({ renamed }) => renamed !== undefined)
    if (holders.length !== 1) throw new Error(`${holders.length} fetches`)
    // The first round also loads the code that a wait needs.
    if (round > 0) late.push(...answers.filter((one) => one !== holders[0]).map(({ at }) => at - holders[0].renamed))
  }
  await stop(all)
  const beside = `p50 ${show(quantile(late, 0.5), 'ms')}, p99 ${show(quantile(late, 0.99), 'ms')}, ${late.length} answers`
  return [
    line('refresh', `get, ${OTHERS} waiting: p95`, quantile(late, 0.95), {
      unit: 'ms',
      against: 'the rename',
      target: 5,
      beside,
    }),
  ]
}

async function idle(lab) {
  const key = 'ACCESS_TOKEN'
  const [holder, ...others] = await crowd(lab, lab.folder('refresh-idle'), OTHERS + 1)
  let { value: last } = await holder.ask({ role: 'refresh', key })
  const seen = []
  const stale = []
  for (let round = 0; round < 25; round++) {
    for (const other of others) other.send({ role: 'idle', key, last })
    await pause(250 + Math.random() * 100)
    const { value, renamed } = await holder.ask({ role: 'refresh', key })
    for (const other of others) {
      const answer = await other.next()
      seen.push(answer.at - renamed)
      stale.push(Math.max(0, answer.stale - renamed))
    }
    last = value
  }
  await stop([holder, ...others])
  const beside = `p50 ${show(quantile(stale, 0.5), 'ms')}, p95 ${show(quantile(stale, 0.95), 'ms')}; seen p95 ${show(quantile(seen, 0.95), 'ms')}`
  return [
    line('refresh', `get, ${OTHERS} idle: the last answer with the old value`, Math.max(...stale), {
      unit: 'ms',
      against: 'the rename',
      target: 100,
      beside,
      note: `${stale.length} answers`,
    }),
  ]
}

async function listening(lab) {
  const key = 'ACCESS_TOKEN'
  const [holder, ...others] = await crowd(lab, lab.folder('refresh-change'), 5)
  await holder.ask({ role: 'refresh', key })
  for (const other of others) await other.ask({ role: 'change', key })
  // The watcher starts in the background.
  await pause(500)
  const late = []
  for (let round = 0; round < 60; round++) {
    const { renamed } = await holder.ask({ role: 'refresh', key })
    for (const other of others) late.push((await other.next()).at - renamed)
    await pause(80 + Math.random() * 60)
  }
  await stop([holder, ...others])
  const rest = { unit: 'ms', against: 'the rename', note: `${late.length} events` }
  return [
    line('refresh', "on('change'): p50", quantile(late, 0.5), { ...rest, target: 3 }),
    line('refresh', "on('change'): p99", quantile(late, 0.99), { ...rest, target: 100 }),
  ]
}
