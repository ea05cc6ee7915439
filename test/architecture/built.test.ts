import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { assertBuilt } from '../support/built.js'
import { filesOf, importsOf, root, textOf } from './source.js'

const { sourceHash } = createRequire(import.meta.url)('../../scripts/source-hash.js') as { sourceHash(root: string): string }

/** A project with one source file, which is built. */
function project(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'dotdog-built-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  for (const folder of ['src/core', 'scripts', 'dist']) mkdirSync(join(dir, folder), { recursive: true })
  for (const file of ['scripts/build.js', 'index.d.ts']) cpSync(join(root, file), join(dir, file))
  writeFileSync(join(dir, 'src/core/one.ts'), 'export const one = 1\n')
  writeFileSync(join(dir, 'dist/.source-hash'), sourceHash(dir))
  return dir
}

t.test('A test of dist/ runs when dist/ was built from the sources as they are', async (t) => {
  t.doesNotThrow(() => assertBuilt(project(t)))
})

for (const [what, change] of [
  ['a source file changed', (dir: string) => writeFileSync(join(dir, 'src/core/one.ts'), 'export const one = 2\n')],
  ['a source file was added', (dir: string) => writeFileSync(join(dir, 'src/core/two.ts'), '')],
  ['a source file was removed', (dir: string) => rmSync(join(dir, 'src/core/one.ts'))],
  ['index.d.ts changed', (dir: string) => writeFileSync(join(dir, 'index.d.ts'), '')],
  ['the build script changed', (dir: string) => writeFileSync(join(dir, 'scripts/build.js'), '')],
] as const) {
  t.test(`A test of dist/ refuses to run when ${what} after the build`, async (t) => {
    const dir = project(t)
    change(dir)
    t.throws(() => assertBuilt(dir), { message: 'dist/ is older than src/: npm run build' })
  })
}

t.test('A test of dist/ refuses to run when nothing is built', async (t) => {
  const dir = project(t)
  rmSync(join(dir, 'dist'), { recursive: true })
  t.throws(() => assertBuilt(dir), { message: 'dist/ is not built: npm run build' })
})

/** The files of test/ that a file imports, directly or not, and itself. */
function closure(file: string, read: (file: string) => string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const { file: target } of importsOf(file, read(file))) {
    if (target?.startsWith('test/') && target.endsWith('.ts')) closure(target, read, seen)
  }
  return seen
}

/** Also by way of a fixture, which is a program that the test starts. */
const RUNS_BUILT = /['"`/]dist['"`/]|\.[cm]js['"`]/
const code = (text: string): string => text.replace(/from '[^']*'|import\('[^']*'\)|mockImport\('[^']*'/g, '')

/** Whether a test runs dist/ and does not refuse an old one. */
function runsUnchecked(file: string, read: (file: string) => string = textOf): boolean {
  const files = [...closure(file, read)]
  return files.some((one) => RUNS_BUILT.test(code(read(one)))) && !files.includes('test/support/built.ts')
}

t.test('Every test that runs dist/ refuses an old build', async (t) => {
  const tests = filesOf('test', /\.test\.ts$/)
  t.ok(tests.length > 100)
  t.same(
    tests.filter((file) => runsUnchecked(file)),
    [],
    "these need: import '../support/built.js'",
  )
})

t.test('The check finds a test that runs dist/ unchecked, by itself, by its helper and by its fixture', async (t) => {
  const files: Record<string, string> = {
    'test/a/direct.test.ts': "const dog = require('../../dist/index.js')",
    'test/a/path.test.ts': "join(root, 'dist', 'index.js')",
    'test/a/setup.ts': "require('../../dist/index.js')",
    'test/a/by-helper.test.ts': "import { dog } from './setup.js'",
    'test/a/by-fixture.test.ts': "start('fixtures/one.cjs')",
    'test/a/checked.test.ts': "import '../support/built.js'\nrequire('../../dist/index.js')",
    'test/a/source.test.ts': "import { one } from '../../src/core/one.js'",
    'test/support/built.ts': '',
  }
  const found = Object.keys(files).filter((file) => file.endsWith('.test.ts') && runsUnchecked(file, (one) => files[one]!))
  t.same(
    found.map((file) => file.slice('test/a/'.length)),
    ['direct.test.ts', 'path.test.ts', 'by-helper.test.ts', 'by-fixture.test.ts'],
  )
})
