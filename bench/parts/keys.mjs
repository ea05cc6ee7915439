// Many keys in one folder: the time of one get, the memory of an idle key, and status() of all keys.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recordOf } from '../lab.mjs'
import { inTurns, line, quantile, ratioOf, show, spreadOf } from '../measure.mjs'

const SIZES = [1, 100, 10_000]
const ROUNDS = 400

const keysOf = (size) => Array.from({ length: size }, (_, at) => `KEY_${at}`)

export async function keys(lab) {
  const dirs = new Map()
  for (const size of SIZES) {
    const dir = lab.folder(`keys-${size}`)
    dirs.set(size, dir)
    for (const key of keysOf(size)) writeFileSync(join(dir, `${key}.dog`), recordOf(key), { mode: 0o600 })
  }
  const dir = dirs.get(10_000)
  return [...(await cold(lab, dirs)), ...(await idle(lab, dir)), ...(await status(lab, dir))]
}

async function cold(lab, dirs) {
  const subject = lab.start('keys.cjs')
  await subject.next()
  const times = new Map(SIZES.map((size) => [size, []]))
  for (let round = -50; round < ROUNDS; round++) {
    for (const size of inTurns(SIZES, Math.abs(round))) {
      const { ms } = await subject.ask({ task: 'cold', dir: dirs.get(size), key: 'KEY_0' })
      if (round >= 0) times.get(size).push(ms)
    }
  }
  await subject.stop()
  const [one, ...more] = SIZES
  return more.map((size) => {
    const beside = `${show(spreadOf(times.get(size)).median, 'ms')} : ${show(spreadOf(times.get(one)).median, 'ms')}`
    const rest = { against: 'a folder of one', target: 1.2, beside }
    return line('keys', `a fresh dog's get, folder of ${size}`, ratioOf(times.get(size), times.get(one)), rest)
  })
}

async function idle(lab, dir) {
  const found = { idle: [], values: [] }
  for (let round = 0; round < 3; round++) {
    for (const task of inTurns(['idle', 'values'], round)) {
      const subject = lab.start('keys.cjs', [], ['--expose-gc'])
      await subject.next()
      found[task].push((await subject.ask({ task, dir, keys: keysOf(10_000) })).bytes / 10_000)
      await subject.stop()
    }
  }
  const excess = spreadOf(found.idle.map((bytes, at) => (bytes - found.values[at]) / 1024))
  const beside = `${show(quantile(found.idle, 0.5))} B : ${show(quantile(found.values, 0.5))} B`
  return [
    line('keys', 'memory of an idle key, beyond its value', excess, {
      unit: 'KiB',
      against: 'a Map of values',
      target: 1,
      beside,
      note: '10000 keys',
    }),
  ]
}

async function status(lab, dir) {
  const first = []
  const later = []
  for (let round = 0; round < 3; round++) {
    const subject = lab.start('keys.cjs')
    await subject.next()
    const { count } = await subject.ask({ task: 'status', dir })
    if (count !== 10_000) throw new Error(`status() knows ${count} keys`)
    const { times } = await subject.next()
    first.push(times[0] / 1000)
    later.push(times[1] / 1000, times[2] / 1000)
    await subject.stop()
  }
  const note = `again: ${show(quantile(later, 0.5), 's')}`
  return [line('keys', 'status() of 10000 keys', spreadOf(first), { unit: 's', target: 1, note })]
}
