import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import '../../support/built.js'

/** Calls of `fs` that a process makes for what it wants, at least. Fewer: the faults would not be where they should be. */
const LEAST = { 'no folder': 50, 'an expired record': 60, 'a fresh record': 5, 'a fetcher that fails': 60, 'a set': 30 }

interface Figures {
  runs: number
  calls: Record<string, number>
  outcomes: Record<string, number>
  wrong: string[]
  replaced: string[]
  failed: string[]
  /** Runs in which a watcher was refused, by the code. */
  unwatched: Record<string, number>
}

async function fail(more: Record<string, string>): Promise<Figures> {
  const env = { ...process.env, SAMPLE: '1', ...more }
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'faults.cjs')], { env })
  return JSON.parse(stdout)
}

const short = fail({})
/** Those that last for some seconds, beside each other. */
const PARTS = 5
const long = Promise.all(Array.from({ length: PARTS }, (_, part) => fail({ LONG: '1', PART: `${part}/${PARTS}` })))

t.test('whichever call of fs fails, a get ends in the value or in an ERR_DOG_STORE, and leaves no lock', async (t) => {
  const { runs, calls, outcomes, wrong } = await short
  t.strictSame(wrong, [])
  for (const [what, least] of Object.entries(LEAST)) t.ok(calls[what]! >= least, `${what}: ${calls[what]} calls`)
  t.ok(outcomes.value! > 0 && outcomes.ERR_DOG_STORE! > 0, 'some faults are survived, some are said')
  t.comment(`${runs} runs: ${JSON.stringify(outcomes)}`)
})

t.test(
  'whichever call fails in a fetch that needs signs of life, its value is not lost, and written when it can be',
  async (t) => {
    const all = await long
    t.strictSame(
      all.flatMap(({ wrong }) => wrong),
      [],
    )
    const runs = all.reduce((sum, figures) => sum + figures.runs, 0)
    t.ok(runs >= 10, `${runs} runs`)
  },
)

t.test('with whatever code a watcher is refused, changes are seen', async (t) => {
  const { unwatched } = await short
  t.equal(Object.keys(unwatched).length, 8, JSON.stringify(unwatched))
})

/** Functions of `fs` that the file store imports, by name. */
function imported(): string[] {
  const source = readFileSync(join(import.meta.dirname, '../../../src/core/stores/file/fs.ts'), 'utf8')
  const lists = [...source.matchAll(/(?:import|export) \{([^}]*)\} from 'node:fs'/g)]
  const names = lists.flatMap(([, list]) => list!.split(',').map((one) => one.trim().split(' as ')[0]!))
  return names.filter((name) => name !== '' && name !== 'constants' && !name.startsWith('type '))
}

t.test('every function of fs that the file store imports is among those that fail, and did fail', async (t) => {
  const names = imported()
  t.ok(names.length > 15 && names.includes('lutimesSync') && names.includes('watch'), names.join())
  const all = [await short, ...(await long)]
  const failed = new Set(all.flatMap((figures) => figures.failed))
  for (const name of names) {
    t.ok(all[0]!.replaced.includes(name), `${name} is replaced`)
    t.ok(failed.has(name), `${name} failed`)
  }
})
