import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { INJECTED_ENTRY, mapConcurrently } from '../../support/children.js'
import { tokenNumber } from '../../support/upstream.js'
import { type Action, type Outcome, playScenario } from './scenario.js'

/**
 * Every action at every step of a fetch. Each time four promises must hold: no process hangs, the
 * record never gets an older value after a newer one, no two living processes fetch at the same
 * time, and no process is left with a value that a later fetch replaced.
 */

// Builds the current source, so that an old build cannot be tested.
execFileSync(process.execPath, [join(import.meta.dirname, '../../../scripts/build.js'), '--injected'])

/** The steps of a fetch, in order. */
const FETCH = [
  ...['take.list', 'take.folder', 'take.prepared', 'take.won', 'take.leased', 'again.read', 'count.begin', 'count.done'],
  ...['fetch.call', 'fetch.answered', 'commit.begin', 'commit.written', 'commit.synced', 'commit.done'],
]
const TAKEOVER = ['evict.judged', 'evict.done']
const FAILURE = ['fetch.failed', 'release.begin', 'release.done']
const ACTIONS: Action[] = ['kill', 'stop', 'delete', 'damage']

const isBefore = (step: string, other: string) => FETCH.indexOf(step) < FETCH.indexOf(other)

t.test('The list of steps is the list in the source', async (t) => {
  const source = readFileSync(INJECTED_ENTRY, 'utf8')
  const named = new Set([...source.matchAll(/\bfailpoint\("([a-z.]+)"/g)].map((match) => match[1]))
  t.strictSame([...named].sort(), [...FETCH, ...TAKEOVER, ...FAILURE].sort())
  t.notMatch(
    readFileSync(join(import.meta.dirname, '../../../dist/engine.js'), 'utf8'),
    'commit.synced',
    'the published build has none',
  )
})

const cases = [
  ...FETCH.map((step) => ({ step, before: 'expired' as const })),
  ...TAKEOVER.map((step) => ({ step, before: 'dead' as const })),
  ...FAILURE.map((step) => ({ step, before: 'failing' as const })),
].flatMap((one) => ACTIONS.map((action) => ({ ...one, action })))

t.test('Each of {kill, stop, delete, damage} happens at each step of a fetch', { timeout: 240_000 }, async (t) => {
  const outcomes = await mapConcurrently(cases, 6, ({ step, action, before }) => playScenario(step, action, before))
  for (const [index, { step, action, before }] of cases.entries()) {
    t.test(`The promises hold after ${action} at ${step}`, async (t) => check(t, step, action, before, outcomes[index]!))
  }
})

function check(t: Test, step: string, action: Action, before: string, outcome: Outcome): void {
  const { first, second, third, fetches, overlaps, history } = outcome
  const numbers = history.filter((number) => !Number.isNaN(number))
  t.ok(outcome.injected, 'the injection happened')
  t.strictSame(overlaps, [], 'no two living processes fetched at the same time')
  t.strictSame(
    numbers,
    [...numbers].sort((a, b) => a - b),
    'no older value came after a newer one',
  )
  if (action !== 'damage') t.strictSame(history, numbers, 'no reader saw a torn record')
  t.equal(third.error, undefined, 'the third process has a value')
  t.equal(tokenNumber(third.value), numbers.at(-1), 'its value is that of the record')

  if (before === 'failing') {
    // The second process gets the failure, or fetches once its back-off is over. The third fetches.
    t.ok(fetches <= 3, `${fetches} fetches`)
    return
  }
  t.equal(second.error, undefined, 'the second process has a value')
  if (action === 'kill') {
    const answerWasLost = !isBefore(step, 'fetch.answered') && before === 'expired' && step !== 'commit.done'
    t.equal(fetches, answerWasLost ? 2 : 1, 'one fetch, and one more where the killed process took its answer with it')
  } else if (action === 'stop') {
    const answerIsLost = before === 'expired' && !isBefore(step, 'fetch.call') && step !== 'commit.done'
    // A stop between the check and the call cannot be noticed: the call is made, with a signal that
    // aborts at once.
    if (step === 'fetch.call') t.ok(fetches <= 2, 'no third fetch')
    else t.equal(fetches, answerIsLost ? 2 : 1, 'no third fetch')
    if (step !== 'fetch.call') t.equal(first?.value, third.value, 'the resumed process has the newest value too')
  } else {
    // After the commit no fetch is under way, so a removed record is fetched again.
    t.equal(fetches, step === 'commit.done' ? 2 : 1, 'no second fetch during the first')
    t.equal(first?.error, undefined)
    t.equal(second.fetches + (first?.fetches ?? 0) + third.fetches, fetches)
  }
  const owners = outcome.locks.filter((name) => name.includes('/') && !name.startsWith('~'))
  t.strictSame(owners, [], 'no lock is left')
}
