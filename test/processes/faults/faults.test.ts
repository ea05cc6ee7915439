import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import '../../support/built.js'

/**
 * The min number of `fs` calls in a scenario. With fewer, the faults would miss what they are to
 * test.
 */
const MIN_CALLS = { 'no folder': 50, 'an expired record': 60, 'a fresh record': 5, 'a fetcher that fails': 60, 'a set': 30 }

interface Figures {
  runs: number
  calls: Record<string, number>
  outcomes: Record<string, number>
  wrong: string[]
  replaced: string[]
  failed: string[]
  /** Number of runs in which a watcher was refused, by error code. */
  unwatched: Record<string, number>
}

async function runFaults(more: Record<string, string>): Promise<Figures> {
  const env = { ...process.env, SAMPLE: '1', ...more }
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'faults.cjs')], { env })
  return JSON.parse(stdout)
}

const shortRun = runFaults({})
/** The scenarios that last some seconds, in parallel. */
const PARTS = 5
const longRun = Promise.all(Array.from({ length: PARTS }, (_, part) => runFaults({ LONG: '1', PART: `${part}/${PARTS}` })))

t.test('Whichever call of fs fails, a get ends in the value or in ERR_DOG_STORE, and leaves no lock', async (t) => {
  const { runs, calls, outcomes, wrong } = await shortRun
  t.strictSame(wrong, [])
  for (const [what, min] of Object.entries(MIN_CALLS)) t.ok(calls[what]! >= min, `${what}: ${calls[what]} calls`)
  t.ok(outcomes.value! > 0 && outcomes.ERR_DOG_STORE! > 0, 'some faults are survived, some become errors')
  t.comment(`${runs} runs: ${JSON.stringify(outcomes)}`)
})

t.test(
  'Whichever call fails in a fetch longRun enough for heartbeats, its value is served, and written once possible',
  async (t) => {
    const all = await longRun
    t.strictSame(
      all.flatMap(({ wrong }) => wrong),
      [],
    )
    const runs = all.reduce((sum, figures) => sum + figures.runs, 0)
    t.ok(runs >= 10, `${runs} runs`)
  },
)

t.test('With whatever code the start of a watcher fails, changes are still seen', async (t) => {
  const { unwatched } = await shortRun
  t.equal(Object.keys(unwatched).length, 8, JSON.stringify(unwatched))
})

/** The names of the functions of `fs` that the file store imports. */
function imported(): string[] {
  const source = readFileSync(join(import.meta.dirname, '../../../src/core/stores/file/fs.ts'), 'utf8')
  const lists = [...source.matchAll(/(?:import|export) \{([^}]*)\} from 'node:fs'/g)]
  const names = lists.flatMap(([, list]) => list!.split(',').map((one) => one.trim().split(' as ')[0]!))
  return names.filter((name) => name !== '' && name !== 'constants' && !name.startsWith('type '))
}

t.test('Every function of fs that the file store imports is among those that were made to fail', async (t) => {
  const names = imported()
  t.ok(names.length > 15 && names.includes('lutimesSync') && names.includes('watch'), names.join())
  const all = [await shortRun, ...(await longRun)]
  const failed = new Set(all.flatMap((figures) => figures.failed))
  for (const name of names) {
    t.ok(all[0]!.replaced.includes(name), `${name} is replaced`)
    t.ok(failed.has(name), `${name} failed`)
  }
})
