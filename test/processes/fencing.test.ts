// Holders and writers that were stopped, lost their lease, and continue.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start, untilStopped } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { countingFetcher, createDog } from '../support/test-dog.js'
import { until } from '../support/timing.js'

/**
 * A holder that was stopped while it wrote the ledger, and lost its lease, once replaced the ledger
 * of its successor, or failed because of it.
 */

t.test('An evicted holder that resumes its ledger write neither fails nor replaces the ledger of its successor', async (t) => {
  const dir = temporaryFolder(t)
  const evicted = start(join(import.meta.dirname, 'fixtures/stopped-in-ledger-write.cjs'), { DIR: dir })
  t.teardown(() => evicted.process.kill('SIGKILL'))
  await untilStopped(evicted.pid)

  const successor = createDog({ dir, timeout: 1 })
  t.teardown(() => successor.close())
  successor.init('K', async () => ({ value: 'of the successor', expiresIn: 3600 }), { quota: { limit: 3 } })
  t.equal(await successor.get('K'), 'of the successor')
  const ledger = () => readFileSync(join(dir, '.state/K.json'), 'utf8')
  const before = ledger()
  t.match(JSON.parse(before), { fetches: { count: 1 } })

  evicted.process.kill('SIGCONT')
  const { out, err, code } = await evicted.exited
  t.equal(code, 0)
  t.same(JSON.parse(out || err), { value: 'of the successor', fetches: 0 })
  t.equal(ledger(), before)
  await until(() => readdirSync(join(dir, '.state')).length === 1)
})

/**
 * A write once reserved its fencing token, slept, and won the lock with it when the record already
 * had newer values.
 */

const script = join(import.meta.dirname, 'fixtures/stopped-before-locking.cjs')

async function overtakeStoppedWrite(t: Test, call: string) {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir, timeout: 2 })
  t.teardown(() => dog.close())
  dog.init('K', countingFetcher({ expiresIn: 3600 }))
  await dog.get('K')
  const generation = (): number => JSON.parse(readFileSync(join(dir, 'K.dog'), 'utf8')).generation
  const late = start(script, { DIR: dir, CALL: call })
  t.teardown(() => late.process.kill('SIGKILL'))
  await untilStopped(late.pid)
  const generations = [generation()]
  for (const value of ['v2', 'v3']) {
    t.equal(await dog.refresh('K'), value)
    generations.push(generation())
  }
  late.process.kill('SIGCONT')
  const { out, err } = await late.exited
  return { dog, dir, generations, generation, answer: JSON.parse(out || err) }
}

t.test('A set that was stopped with an old fencing token stores its value under a token above all others', async (t) => {
  const { generations, generation, answer } = await overtakeStoppedWrite(t, 'set')
  t.equal(answer.answer, null)
  generations.push(generation())
  t.equal(answer.fencingToken, generations.at(-1))
  t.same(
    generations,
    [...new Set(generations)].sort((a, b) => a - b),
    'the generations only rise',
  )
})

t.test('A remove that was stopped with an old fencing token removes under a token above all others', async (t) => {
  const { dog, dir, generations, generation, answer } = await overtakeStoppedWrite(t, 'remove')
  t.equal(answer.answer, true)
  t.throws(() => readFileSync(join(dir, 'K.dog')), { code: 'ENOENT' })
  t.ok(answer.fencingToken > Math.max(...generations))
  t.equal(await dog.refresh('K'), 'v4')
  t.ok(generation() > answer.fencingToken)
})
