// Many processes and no value: how many fetches they make, and how long after the upstream's answer
// the last process has the value.
import { inTurns, line, ratioOf, show, spreadOf } from '../measure.mjs'
import { startUpstream } from '../upstream.mjs'

/** Processes, rounds and peers. With 256 processes only one peer is measured, because it takes long. */
const SIZES = [
  { size: 8, rounds: 8, peers: ['plain', 'tuned'] },
  { size: 64, rounds: 4, peers: ['plain', 'tuned'] },
  { size: 256, rounds: 2, peers: ['plain'] },
]
const FETCH_MS = 200
const AGAINST = { plain: 'the parts, naively', tuned: 'the parts, tuned' }

export async function cold(lab) {
  const upstream = await startUpstream(FETCH_MS)
  const lines = []
  for (const { size, rounds, peers } of SIZES) {
    const found = Object.fromEntries(['dotdog', ...peers].map((name) => [name, { after: [], fetches: 0 }]))
    for (let round = 0; round < rounds; round++) {
      for (const name of inTurns(Object.keys(found), round)) {
        const { after, fetches } = await once(lab, upstream, name, size, lab.folder(`cold-${name}-${size}-${round}`))
        found[name].after.push(after)
        found[name].fetches = Math.max(found[name].fetches, fetches)
      }
    }
    lines.push(...linesOf(size, rounds, found))
  }
  upstream.close()
  return lines
}

function linesOf(size, rounds, { dotdog, ...peers }) {
  const own = spreadOf(dotdog.after).median
  const lines = [
    line('cold', `${size} cold processes: fetches`, dotdog.fetches, {
      unit: '',
      target: 1,
      note: `at most, in ${rounds} rounds`,
    }),
  ]
  for (const [name, { after, fetches }] of Object.entries(peers)) {
    const peer = spreadOf(after).median
    const figure = `${size} cold processes: answer to last answer`
    const target = name === 'plain' ? 1 / 20 : undefined
    const beside = `${show(own, 'ms')} : ${show(peer, 'ms')}`
    const note = fetches > 1 ? `its fetches: ${fetches}` : undefined
    const values = { own, peer, unit: 'ms' }
    lines.push(line('cold', figure, ratioOf(dotdog.after, after), { against: AGAINST[name], target, beside, note, values }))
  }
  return lines
}

async function once(lab, upstream, name, size, dir) {
  upstream.forget()
  const subjects = []
  for (let count = 0; count < size; count++) subjects.push(lab.start(...programOf(name, dir, upstream.port)))
  for (const subject of subjects) await subject.next()
  const answers = await Promise.all(subjects.map((subject) => subject.ask('go')))
  await Promise.all(subjects.map((subject) => subject.stop()))
  const last = Math.max(...answers.map(({ at }) => at))
  return { after: last - upstream.answered[0], fetches: upstream.asked.length }
}

const programOf = (name, dir, port) =>
  name === 'dotdog' ? ['cold-dotdog.cjs', [dir, port]] : ['cold-naive.cjs', [dir, port, name]]
