// `await get(key)` and `peek(key)` of a value in memory, compared with caches of one process.
import { inTurns, line, ratioOf, show, spreadOf } from '../measure.mjs'

const PEERS = ['lru-cache', 'p-memoize', 'async-cache-dedupe', 'cache-manager', 'bentocache', 'guard_dog', 'co-wechat-api']
const MODES = { tight: 'await get(key), a tight loop', turning: 'await get(key), an event-loop turn every 100 calls' }
const NAMES = { 'lru-cache': 'lru-cache fetch', 'cache-manager': 'cache-manager wrap', bentocache: 'bentocache getOrSet' }
const ROUNDS = 40
/** How long a round of one subject takes. */
const ROUND_MS = 12

export async function memory(lab) {
  const lines = []
  for (const [mode, title] of Object.entries(MODES)) {
    const found = await compare(lab, ['dotdog', ...PEERS], mode)
    for (const peer of PEERS) {
      const against = NAMES[peer] ?? peer
      const target = peer === 'lru-cache' ? 0.8 : undefined
      const beside = `${nsOf(found.dotdog)} : ${nsOf(found[peer])}`
      lines.push(
        line('memory', title, ratioOf(found.dotdog, found[peer]), { against, target, beside, values: valuesOf(found, peer) }),
      )
    }
  }
  const found = await compare(lab, ['dotdog peek', 'lru-cache get'], 'sync')
  const beside = `${nsOf(found['dotdog peek'])} : ${nsOf(found['lru-cache get'])}`
  const measured = ratioOf(found['dotdog peek'], found['lru-cache get'])
  lines.push(line('memory', 'peek(key)', measured, { against: 'lru-cache get', target: 1, beside }))
  return lines
}

const nsOf = (samples) => show(spreadOf(samples).median, 'ns')
const valuesOf = (found, peer) => ({ own: spreadOf(found.dotdog).median, peer: spreadOf(found[peer]).median, unit: 'ns' })

/** Nanoseconds per call of each round, by subject. */
async function compare(lab, names, mode) {
  const subjects = []
  for (const name of names) {
    const subject = lab.start('memory.mjs', [name, lab.folder(`memory-${name}`)])
    await subject.next()
    const { ns } = await subject.ask({ mode, calls: 10_000 })
    const warmed = await subject.ask({ mode, calls: callsIn(ns) })
    subjects.push({ name, subject, calls: callsIn(warmed.ns), samples: [] })
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { subject, calls, samples } of inTurns(subjects, round)) samples.push((await subject.ask({ mode, calls })).ns)
  }
  await Promise.all(subjects.map(({ subject }) => subject.stop()))
  return Object.fromEntries(subjects.map(({ name, samples }) => [name, samples]))
}

const callsIn = (ns) => Math.ceil((ROUND_MS * 1e6) / ns / 100) * 100
