import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { root, textOf } from './source.js'

/** One test of the commit that the table begins with: its title today, or the reason why another test has taken it in. */
interface Row {
  old: string
  now?: string
  /** Where the test is not in the file of its group. */
  file?: string
  merged?: string
}
interface Table {
  commit: string
  /** The number of tests of that commit. */
  count: number
  /** SHA-256 of their files and titles, so that no row can be dropped or changed. */
  hash: string
  files: { from: string; to: string; tests: Row[] }[]
}
type Titles = Record<string, string[]>

const { titlesOf, allTitles }: { titlesOf(name: string, text: string): string[]; allTitles(): Titles } = createRequire(
  import.meta.url,
)(join(root, 'scripts/test-titles.js'))

const table: Table = JSON.parse(textOf('test/architecture/titles.json'))

function problems({ count, hash, files }: Table, titles: Titles): string[] {
  const rows = files.flatMap(({ tests }) => tests)
  const digest = createHash('sha256')
  for (const { from, tests } of files) for (const { old } of tests) digest.update(`${from}\0${old}\0`)
  const isComplete = rows.length === count && digest.digest('hex') === hash
  const unkept = files.flatMap(({ from, to, tests }) =>
    tests.flatMap(({ old, now, file = to, merged }) => {
      if (now === undefined) return merged && merged !== 'UNMAPPED' ? [] : [`${from}: "${old}" has no test and no reason`]
      return titles[file]?.includes(now) ? [] : [`${from}: "${old}": ${file} has no test "${now}"`]
    }),
  )
  return isComplete ? unkept : ['the rows are not the old titles', ...unkept]
}

t.test('Every test of the commit that the table begins with is still there, or says where its promise went', async (t) => {
  t.same(problems(table, allTitles()), [])
})

t.test('The check finds a row that was dropped, a title that is gone and a merge without a reason', async (t) => {
  const tests: Row[] = [
    { old: 'one', now: 'One' },
    { old: 'two', now: 'Two', file: 'test/b.test.ts' },
    { old: 'three', merged: 'into "One": it is the same case' },
  ]
  const hash = createHash('sha256').update('test/a.ts\0one\0test/a.ts\0two\0test/a.ts\0three\0').digest('hex')
  const sample = (tests: Row[]): Table => ({
    commit: '',
    count: 3,
    hash,
    files: [{ from: 'test/a.ts', to: 'test/a.test.ts', tests }],
  })
  const titles = { 'test/a.test.ts': ['One'], 'test/b.test.ts': ['Two'] }
  t.same(problems(sample(tests), titles), [])
  t.same(problems(sample(tests.slice(0, 2)), titles), ['the rows are not the old titles'])
  t.match(problems(sample(tests), { ...titles, 'test/b.test.ts': ['two'] }), [/has no test "Two"/])
  t.match(problems(sample(tests.with(2, { old: 'three' })), titles), [/no test and no reason/])
  t.match(problems(sample(tests.with(0, { old: 'other', now: 'One' })), titles), [/not the old titles/])
})

t.test('The list of titles has those of tests, of suites and of the store suite, as they are written', async (t) => {
  const text = `t.test('a', f)
    test("b", f)
    t.test(\`c \${x}\`, { skip: true }, f)
    define('d', f)
    it(title, f)
    expect('e', f)
    f.test('x')`
  t.same(titlesOf('x.ts', text), ['a', 'b', `c \${x}`, 'd', 'title'])
})
