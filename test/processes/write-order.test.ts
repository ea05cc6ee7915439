import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start, untilStopped } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { countingFetcher, createDog } from '../support/test-dog.js'

/** A write drew its number, slept, and won the lock with it when newer values stood in the record. */

const script = join(import.meta.dirname, 'fixtures/late-winner.cjs')

async function overtake(t: Test, call: string) {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir, timeout: 2 })
  t.teardown(() => dog.close())
  dog.init('K', countingFetcher({ expiresIn: 3600 }))
  await dog.get('K')
  const generation = (): number => JSON.parse(readFileSync(join(dir, 'K.dog'), 'utf8')).generation
  const late = start(script, { DIR: dir, CALL: call })
  t.teardown(() => late.process.kill('SIGKILL'))
  await untilStopped(late.pid)
  const numbers = [generation()]
  for (const value of ['v2', 'v3']) {
    t.equal(await dog.refresh('K'), value)
    numbers.push(generation())
  }
  late.process.kill('SIGCONT')
  const { out, err } = await late.exited
  return { dog, dir, numbers, generation, answer: JSON.parse(out || err) }
}

t.test('a set that was stopped with an old number stores its value under a number above all before', async (t) => {
  const { numbers, generation, answer } = await overtake(t, 'set')
  t.equal(answer.answer, null)
  numbers.push(generation())
  t.equal(answer.number, numbers.at(-1))
  t.same(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
    'the numbers of the values only rise',
  )
})

t.test('a remove that was stopped with an old number removes under one above all before', async (t) => {
  const { dog, dir, numbers, generation, answer } = await overtake(t, 'remove')
  t.equal(answer.answer, true)
  t.throws(() => readFileSync(join(dir, 'K.dog')), { code: 'ENOENT' })
  t.ok(answer.number > Math.max(...numbers))
  t.equal(await dog.refresh('K'), 'v4')
  t.ok(generation() > answer.number)
})
