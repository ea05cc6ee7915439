import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { root } from './source.js'

interface Duplicates {
  duplicates(files: Record<string, string>, min?: number): { lines: number; places: string[] }[]
  duplicatesIn(folder: string, min?: number): { lines: number; places: string[] }[]
}
const { duplicates, duplicatesIn }: Duplicates = createRequire(import.meta.url)(join(root, 'scripts/duplicates.js'))

const block = (count: number, indent = ''): string =>
  Array.from({ length: count }, (_, index) => `${indent}const line${index} = ${index}\n`).join('')

t.test('No run of 12 lines stands twice in src', async (t) => {
  t.same(duplicatesIn(join(root, 'src')), [])
})

t.test('The check finds a run of 12 lines that stands in two files', async (t) => {
  const files = { 'a.ts': `const a = 1\n${block(12)}`, 'b.ts': `${block(12)}const b = 2\n` }
  t.same(duplicates(files), [{ lines: 12, places: ['a.ts:2', 'b.ts:1'] }])
})

t.test('The check finds a longer run once, also within one file', async (t) => {
  const text = `${block(20)}const between = true\n${block(20)}`
  t.same(duplicates({ 'a.ts': text }), [{ lines: 20, places: ['a.ts:1', 'a.ts:22'] }])
})

t.test('The check passes over spaces, blank lines, comments and imports', async (t) => {
  const imports = "import {\n  one,\n  two,\n} from './x.js'\nimport three from 'y'\n"
  const spread = block(12, '    ').replaceAll('\n', '\n\n// note\n/* a */\n/**\n * more\n */\n')
  t.same(duplicates({ 'a.ts': `${imports}${block(12)}`, 'b.ts': spread }), [{ lines: 12, places: ['a.ts:6', 'b.ts:1'] }])
  t.same(duplicates({ 'a.ts': imports.repeat(5), 'b.ts': imports.repeat(5) }), [])
})

t.test('The check lets a run of 11 lines pass', async (t) => {
  t.same(duplicates({ 'a.ts': block(11), 'b.ts': block(11) }), [])
})
