// A key for each user, 100,000 in one folder: a fetch beside them, the memory that forget() frees, and
// status() of them all.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recordOf } from '../lab.mjs'
import { inTurns, line, quantile, ratioOf, show, spreadOf } from '../measure.mjs'

const KEYS = 100_000
const FETCHES = 400
const WARM_UP = 50
const ROUNDS = 3
/** The value of a user's key: the folders are large enough. */
const VALUE = 'v'.repeat(32)

export async function folders(lab) {
  const dirs = { empty: lab.folder('folders-empty'), full: lab.folder('folders-full') }
  const state = join(dirs.full, '.state')
  mkdirSync(state, { mode: 0o700 })
  const now = Date.now()
  const ledger = (key) => JSON.stringify({ dotdog: 1, key, fetches: { since: now, count: 1, last: now } })
  for (let at = 0; at < KEYS; at++) {
    const key = `USER_${at}`
    writeFileSync(join(dirs.full, `${key}.dog`), recordOf(key, VALUE), { mode: 0o600 })
    writeFileSync(join(state, `${key}.json`), ledger(key), { mode: 0o600 })
  }
  return [...(await fetches(lab, dirs)), ...(await memory(lab, dirs.full)), ...(await status(lab, dirs.full))]
}

async function fetches(lab, dirs) {
  const subject = lab.start('folders.cjs')
  await subject.next()
  const times = { empty: [], full: [] }
  for (let round = -WARM_UP; round < FETCHES; round++) {
    for (const name of inTurns(['full', 'empty'], Math.abs(round))) {
      const { ms } = await subject.ask({ task: 'fetch', dir: dirs[name] })
      if (round >= 0) times[name].push(ms)
    }
  }
  await subject.stop()
  const beside = `${show(quantile(times.full, 0.5), 'ms')} : ${show(quantile(times.empty, 0.5), 'ms')}`
  const rest = { against: 'an empty folder', target: 1.2, beside }
  return [line('folders', `a fetch beside ${KEYS} other keys`, ratioOf(times.full, times.empty), rest)]
}

async function memory(lab, dir) {
  const left = []
  const used = []
  for (let round = 0; round < ROUNDS; round++) {
    const subject = lab.start('folders.cjs', [], ['--expose-gc'])
    await subject.next()
    const { before, full, after } = await subject.ask({ task: 'forget', dir, keys: KEYS })
    left.push(after / before)
    used.push((full - before) / KEYS)
    await subject.stop()
  }
  const note = `${show(quantile(used, 0.5), 'B')} a key before forget()`
  return [line('folders', `heap after forget() of ${KEYS} keys`, spreadOf(left), { against: 'the start', target: 1.05, note })]
}

/**
 * In CPU time: the work is synchronous, so that an idle machine needs as long. The time by the clock,
 * which also counts what other programs took meanwhile, stands beside it.
 */
async function status(lab, dir) {
  const lines = []
  for (const [task, whose] of [
    ['strangers', 'in the folder'],
    ['registered', 'in memory'],
  ]) {
    const found = []
    for (let round = 0; round < ROUNDS; round++) {
      const subject = lab.start('folders.cjs')
      await subject.next()
      found.push(await subject.ask({ task, dir, keys: KEYS }))
      if (found[round].count < KEYS) throw new Error(`status() knows ${found[round].count} keys`)
      await subject.stop()
    }
    const of = (what, unit) => spreadOf(found.map((one) => one[what][unit]))
    const beside = (what) => `${show(of(what, 'ms').median, 'ms')} by the clock`
    const title = `status() of ${KEYS} keys ${whose}, CPU`
    lines.push(line('folders', title, of('whole', 'cpuMs'), { unit: 'ms', target: 3000, beside: beside('whole') }))
    const block = of('block', 'cpuMs')
    lines.push(line('folders', '… its longest block, CPU', block, { unit: 'ms', target: 50, beside: beside('block') }))
  }
  return lines
}
