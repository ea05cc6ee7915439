import t from 'tap'
import { filesOf, textOf } from './source.js'

/** A name that the project has given up, and the one that took its place. Without a pattern it is found as a whole word. */
interface OldWord {
  old: string
  new: string
  /** Where the word has another, right meaning: what finds the old one, and a text that it must find. */
  pattern?: string
  example?: string
  /** The paths, as a pattern, where the test searches for it; everywhere by default. */
  in?: string
}

const LIST = 'test/architecture/old-words.json'
/** Files that must name the past, or that others wrote. */
const EXCEPT = /^test\/(build\/|architecture\/(old-words|titles)|support\/fixtures\/(guard_dog|recorded-folder)\/)/

const words = (JSON.parse(textOf(LIST)) as OldWord[]).map((word) => ({
  ...word,
  search: new RegExp(word.pattern ?? `\\b${word.old}\\b`),
  paths: new RegExp(`^(${word.in ?? ''})`),
}))

const TEXT = /\.([cm]?[jt]s|md|json)$/
const folders = ['src', 'test', 'docs', 'examples', 'bench', 'scripts']
const files = [...folders.flatMap((folder) => filesOf(folder, TEXT)), 'index.d.ts', 'README.md', 'SECURITY.md'].filter(
  (file) => !EXCEPT.test(file),
)

const oldWordsOf = (file: string, text: string): string[] =>
  text
    .split('\n')
    .flatMap((line, index) =>
      words
        .filter(({ search, paths }) => paths.test(file) && search.test(line))
        .map((word) => `${file}:${index + 1}: ${word.old} → ${word.new}: ${line.trim().slice(0, 100)}`),
    )

t.test('No file uses a name that the project has given up', async (t) => {
  t.ok(files.length > 400)
  t.same(
    files.flatMap((file) => oldWordsOf(file, textOf(file))),
    [],
  )
})

t.test('The check finds every old name of the list', async (t) => {
  for (const { old, example, search } of words) t.match(example ?? old, search, old)
})

t.test('The check lets the same words pass where they have another meaning', async (t) => {
  const text = 'a stale value, stale: true, look around, allSettled(), console.warn(), in flight, the rest, a line, heard of'
  t.same(oldWordsOf('x.ts', text), [])
})
