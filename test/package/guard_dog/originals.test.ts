import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { copyPrograms, isSorted, run } from './programs.js'

/**
 * guard_dog's five published examples, unchanged. They are not part of this repository. The variable
 * GUARD_DOG_EXAMPLES names the folder `examples` of a checkout of guard_dog-for-node (see
 * test/support/fixtures/guard_dog/README.md).
 */
const source = process.env.GUARD_DOG_EXAMPLES
const options = { skip: source === undefined && 'GUARD_DOG_EXAMPLES is not set', timeout: 40_000 }
const original = (t: Parameters<typeof run>[0], folder: string) =>
  run(t, copyPrograms(t, source!), `programs/${folder}`, 'test.js')

// Each example sleeps for seconds without using CPU. In parallel they take as long as the slowest.
t.jobs = 5

t.test('1.quick-start prints 1 and ends by itself', { ...options, buffered: true }, async (t) => {
  const program = original(t, '1.quick-start')
  t.same(await program.exited, { code: 0, signal: null }, program.errors())
  t.same(program.lines, ['1'])
})

t.test(
  '2.timed-refresh prints growing numbers from 1 on, although its loader takes its whole lifetime',
  { ...options, buffered: true },
  async (t) => {
    const program = original(t, '2.timed-refresh')
    await program.until((lines) => lines.includes('2'))
    const numbers = program.lines.map(Number)
    t.equal(numbers[0], 1, program.errors())
    t.ok(isSorted(numbers), program.lines.join(' '))
    t.same([...new Set(numbers)], [1, 2])
  },
)

t.test(
  '3.specify-directory prints growing numbers and writes into the given folder',
  { ...options, buffered: true },
  async (t) => {
    const program = original(t, '3.specify-directory')
    await program.until((lines) => lines.includes('3'))
    const numbers = program.lines.map(Number)
    t.equal(numbers[0], 1, program.errors())
    t.ok(isSorted(numbers), program.lines.join(' '))
    const record = JSON.parse(readFileSync(join(program.folder, 'dog/ABC.dog'), 'utf8'))
    t.match(record, { dotdog: 1, key: 'ABC' }, 'the old file was replaced')
    t.notOk(existsSync(join(program.folder, '.dog')), 'nothing is written to another folder')
  },
)

t.test('4.cache-modularize prints abc repeatedly', { ...options, buffered: true }, async (t) => {
  const program = original(t, '4.cache-modularize')
  await program.until((lines) => lines.length >= 4)
  t.same(new Set(program.lines), new Set(['abc']), program.errors())
})

t.test('5.multi-key prints ba and ends by itself', { ...options, buffered: true }, async (t) => {
  const program = original(t, '5.multi-key')
  t.same(await program.exited, { code: 0, signal: null }, program.errors())
  t.same(program.lines, ['ba'])
})
