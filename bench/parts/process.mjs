// A whole process that starts, gets a fresh value from its file and ends, like a cron job or a shell
// script.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recordOf, TOKEN } from '../lab.mjs'
import { clock, inTurns, line, ratioOf, show, spreadOf } from '../measure.mjs'

const KEY = 'ACCESS_TOKEN'
const PAIRS = 80

const WAYS = [
  { own: 'dotdog.cjs', peer: 'read.cjs', title: 'a process: require, get, exit', against: 'read + JSON.parse', target: 1.05 },
  { own: 'dotdog.cjs', peer: 'guard_dog.cjs', title: 'a process: require, get, exit', against: 'guard_dog', target: 1.03 },
  { own: 'dotdog.mjs', peer: 'read.mjs', title: 'a process: import, get, exit', against: 'import fs + read', target: 1.1 },
  // The cost of any package with sub-paths in Node.
  { own: 'empty.cjs', peer: 'read.cjs', title: 'a process: a package that only reads', against: 'read + JSON.parse' },
]

export async function process(lab) {
  writeFileSync(join(lab.folder('.dog'), `${KEY}.dog`), recordOf(KEY), { mode: 0o600 })
  // `ahead` is the whole lifetime. Otherwise guard_dog's timer keeps the process alive for two hours.
  const kept = { data: TOKEN, expires_in: 7200, gen_time: Date.now(), dir: '', ahead: 7200 }
  writeFileSync(join(lab.folder('guard_dog'), `${KEY}.dog`), JSON.stringify(kept))

  makeEmptyPackage(lab)

  const lines = []
  for (const { own, peer, title, against, target } of WAYS) {
    const subjects = [own, peer].map((name) => ({ program: lab.program(`process-${name}`), times: [], ticks: 0 }))
    for (const { program } of subjects) run(lab, program)
    for (let round = 0; round < PAIRS; round++) {
      for (const subject of inTurns(subjects, round)) {
        const before = ticksOfChildren()
        subject.times.push(run(lab, subject.program))
        subject.ticks += ticksOfChildren() - before
      }
    }
    const [mine, theirs] = subjects
    const beside = `${show(spreadOf(mine.times).median, 'ms')} : ${show(spreadOf(theirs.times).median, 'ms')}`
    const note = theirs.ticks > 0 ? `CPU ${show(mine.ticks / theirs.ticks, '×')}` : undefined
    lines.push(
      line('process', title, ratioOf(mine.times, theirs.times), {
        against,
        target,
        beside,
        note,
        values: {
          own: spreadOf(mine.times).median,
          peer: spreadOf(theirs.times).median,
          unit: 'ms',
        },
      }),
    )
  }
  return lines
}

/** A package that is resolved as dotdog is, and only reads and parses the file. */
function makeEmptyPackage(lab) {
  const dir = lab.folder('node_modules/empty')
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: 'empty', exports: { '.': { default: './index.js' } } }))
  const body = readFileSync(lab.program('process-read.cjs'), 'utf8').replace('__dirname', 'process.cwd()')
  writeFileSync(join(dir, 'index.js'), body)
  writeFileSync(lab.program('process-empty.cjs'), "require('empty')\n")
}

function run(lab, program) {
  const from = clock()
  const { status, stderr } = spawnSync(globalThis.process.execPath, [program], {
    cwd: lab.path,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ms = clock() - from
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`)
  return ms
}

/** CPU of the children that have ended, in ticks of 10 ms: too coarse for one child, but not for a sum. */
function ticksOfChildren() {
  try {
    const text = readFileSync('/proc/self/stat', 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return Number(fields[13]) + Number(fields[14])
  } catch {
    return 0
  }
}
