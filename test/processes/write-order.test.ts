import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start, untilStopped } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { countingFetcher, createDog } from '../support/test-dog.js'

/**
 * A write once reserved its fencing token, slept, and won the lock with it when the record already
 * had newer values.
 */

const script = join(import.meta.dirname, 'fixtures/late-winner.cjs')

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
