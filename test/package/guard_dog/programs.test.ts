import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fixture } from '../../support/children.js'
import { copyPrograms, isSorted, run } from './programs.js'

const source = fixture('guard_dog/programs')
const recordAt = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'))

t.test('A program that calls `get` once prints the value and ends by itself', async (t) => {
  const program = run(t, copyPrograms(t, source), 'programs/once', 'main.js')
  t.same(await program.exited, { code: 0, signal: null }, program.errors())
  t.same(program.lines, ['session 1'])
  t.equal(program.errors(), '', 'only the value is printed')
})

t.test('A loader that is slower than its lifetime yields every value once and in order, one load at a time', async (t) => {
  const begun = performance.now()
  const program = run(t, copyPrograms(t, source), 'programs/slow-loader', 'main.js')
  await program.until((lines) => lines.includes('3'))
  const seconds = (performance.now() - begun) / 1000
  const numbers = program.lines.map(Number)
  t.equal(numbers[0], 1, program.errors())
  t.ok(isSorted(numbers), program.lines.join(' '))
  t.same([...new Set(numbers)].slice(0, 3), [1, 2, 3], 'no value is skipped')
  t.ok(numbers.at(-1)! <= seconds / 0.4, 'one load at a time')
  t.match(program.errors(), /dotdog: \[COUNTER\] fetched/, 'debug output is on standard error')
  t.equal(program.process.exitCode, null, 'the interval of the program still runs')
})

t.test('A folder given to `init` holds the record, and a value is served until it expires', async (t) => {
  const program = run(t, copyPrograms(t, source), 'programs/given-folder', 'main.js')
  await program.until((lines) => lines.includes('2'))
  const numbers = program.lines.map(Number)
  t.equal(numbers[0], 1, program.errors())
  t.ok(isSorted(numbers), program.lines.join(' '))
  t.ok(numbers.filter((number) => number === 1).length > 1, 'a value is served more than once')
  const record = recordAt(program.folder, 'kept/COUNTER.dog')
  t.match(record, { dotdog: 1, key: 'COUNTER' })
  t.equal(record.expiresAt - record.fetchedAt, 1200)
})

t.test('A module that wraps a key returns its value', async (t) => {
  const program = run(t, copyPrograms(t, source), 'programs/module', 'main.js')
  await program.until((lines) => lines.length >= 5)
  t.same(new Set(program.lines), new Set(['the session']), program.errors())
  const record = recordAt(program.folder, '.dog/SESSION.dog')
  t.match(record, { dotdog: 1, key: 'SESSION', value: 'the session' }, 'the record is in the working folder')
})

t.test('A loader that gets another key waits for it, and the program ends by itself', async (t) => {
  const program = run(t, copyPrograms(t, source), 'programs/dependent', 'main.js')
  t.same(await program.exited, { code: 0, signal: null }, program.errors())
  t.same(program.lines, ['outer of inner'])
  t.equal(recordAt(program.folder, '.dog/INNER.dog').value, 'inner')
  t.equal(recordAt(program.folder, '.dog/OUTER.dog').ahead, 10)
})
