import t from 'tap'
import { filesOf, textOf } from './source.js'

const MAX_LINES = 350
const linesOf = (text: string): number => text.split('\n').length - 1

t.test('No file has more than 350 lines', async (t) => {
  const files = [
    ...filesOf('src', /\.[cm]?[jt]s$/),
    ...filesOf('test', /\.[cm]?[jt]s$/),
    ...filesOf('scripts', /\.[cm]?[jt]s$/),
    ...filesOf('bench', /\.[cm]?[jt]s$/),
    'index.d.ts',
  ]
  const own = files.filter((file) => !file.startsWith('test/build/'))
  t.ok(own.length > 60)
  for (const file of own) t.ok(linesOf(textOf(file)) <= MAX_LINES, `${file}: ${linesOf(textOf(file))}`)
})

t.test('The fetch coordinator has at most 300 lines', async (t) => {
  t.ok(linesOf(textOf('src/core/fetch/coordinator.ts')) <= 300)
})
