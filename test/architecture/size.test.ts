import { dirname } from 'node:path'
import t from 'tap'
import { filesOf, textOf } from './source.js'

const MAX_LINES = 350
const MAX_MEDIAN_LINES = 80
const MAX_FILES_IN_FOLDER = 14
const LOOSE_FILES = ['src/README.md', 'src/package.json']

const lineCount = (text: string): number => text.split('\n').length - 1

const folders = ['src', 'test', 'scripts', 'bench', 'examples']
const own = [...folders.flatMap((folder) => filesOf(folder, /\.[cm]?[jt]s$/)), 'index.d.ts'].filter(
  (file) => !file.startsWith('test/build/'),
)
const ownLineCounts = new Map(own.map((file) => [file, lineCount(textOf(file))]))
const sources = filesOf('src', /./)

const tooLong = (counts: Map<string, number>): string[] =>
  [...counts].filter(([, count]) => count > MAX_LINES).map(([file, count]) => `${file}: ${count} lines`)

const median = (counts: number[]): number => counts.sort((a, b) => a - b)[Math.floor(counts.length / 2)]!

const loose = (files: string[]): string[] => files.filter((file) => dirname(file) === 'src' && !LOOSE_FILES.includes(file))

function crowded(files: string[]): string[] {
  const counts = new Map<string, number>()
  for (const file of files) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1)
  return [...counts].filter(([, count]) => count > MAX_FILES_IN_FOLDER).map(([folder, count]) => `${folder}: ${count} files`)
}

t.test('No file has more than 350 lines', async (t) => {
  t.ok(own.length > 300)
  t.same(tooLong(ownLineCounts), [])
})

t.test('The fetch coordinator has at most 300 lines', async (t) => {
  t.ok(lineCount(textOf('src/core/fetch/coordinator.ts')) <= 300)
})

t.test('Half of the source files have at most 80 lines', async (t) => {
  t.ok(median(filesOf('src', /\.ts$/).map((file) => ownLineCounts.get(file)!)) <= MAX_MEDIAN_LINES)
})

t.test('No file stands loose in src/, except README.md and package.json', async (t) => {
  t.ok(sources.length > 150)
  t.same(loose(sources), [])
})

t.test('No folder of src/ has more than 14 files', async (t) => {
  t.same(crowded(sources), [])
})

t.test('The checks find a file that is too long, a loose file and a crowded folder', async (t) => {
  t.same(
    tooLong(
      new Map([
        ['src/core/a.ts', 350],
        ['src/core/b.ts', 351],
      ]),
    ),
    ['src/core/b.ts: 351 lines'],
  )
  t.equal(median([200, 81, 1]), 81)
  t.same(loose(['src/README.md', 'src/core/index.ts', 'src/a.ts', 'src/notes.md']), ['src/a.ts', 'src/notes.md'])
  const files = Array.from({ length: 15 }, (_, index) => `src/core/${index}.ts`)
  t.same(crowded(files), ['src/core: 15 files'])
  t.same(crowded(files.slice(1)), [])
})
