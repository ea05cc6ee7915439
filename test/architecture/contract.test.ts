import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { root } from './source.js'
import '../support/built.js'

const require = createRequire(import.meta.url)
const contract = join(root, 'index.d.ts')
const comparison = join(root, 'test/architecture/contract.ts')

const parsed = ts.getParsedCommandLineOfConfigFile(
  join(root, 'tsconfig.json'),
  {},
  {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new Error(String(diagnostic.messageText))
    },
  },
)!

/** Parsed once: the compilations below differ in one file. */
const sourceFiles = new Map<string, { text: string; file: ts.SourceFile }>()

/** Compiles the comparison, with some files changed in memory. */
function compile(change: (file: string, text: string) => string = (_file, text) => text): ts.Program {
  const host = ts.createCompilerHost(parsed.options)
  const read = host.readFile
  host.readFile = (file) => {
    const text = read(file)
    return text && change(file, text)
  }
  host.getSourceFile = (name, language) => {
    const text = host.readFile(name)
    if (text === undefined) return undefined
    const known = sourceFiles.get(name)
    if (known?.text === text) return known.file
    const file = ts.createSourceFile(name, text, language)
    sourceFiles.set(name, { text, file })
    return file
  }
  return ts.createProgram([comparison], parsed.options, host)
}

/** The type errors of one file, or of the comparison and of all that it compares. */
const mismatches = (program: ts.Program, file?: ts.SourceFile): string[] =>
  ts.getPreEmitDiagnostics(program, file).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))

/** Whether anything fails to compile. Nearly always it is the comparison, which alone compiles much faster. */
const hasMismatch = (program: ts.Program): boolean =>
  mismatches(program, program.getSourceFile(comparison)).length > 0 || mismatches(program).length > 0

/** The contract with one text in place of another. */
const compileWith = (from: string, to: string, where = contract) =>
  compile((file, text) => {
    if (file !== where) return text
    if (!text.includes(from)) throw new Error(`${where} has no ${from}`)
    return text.replace(from, to)
  })

t.test('index.d.ts declares exactly what the source exports', async (t) => {
  t.same(mismatches(compile()), [])
})

const ALTERATIONS: [title: string, from: string, to: string, where?: string][] = [
  ['a declared function that the source lacks', 'export const off:', 'export const unlisten: () => void\nexport const off:'],
  ['another return type', 'export function memoryStore(): Store', 'export function memoryStore(): string'],
  [
    'another parameter type',
    'export function fileStore(options?: { dir?: string',
    'export function fileStore(options?: { dir?: number',
  ],
  ['another type of a member of Dog', 'remove(key: string): Promise<boolean>\n', 'remove(key: string): boolean\n'],
  ['another type of a field of DogError', 'readonly retryAt: number | undefined', 'readonly retryAt: string'],
  ['a name that index.d.ts lacks', "export const peek: Dog['peek']\n", ''],
  [
    'a name that only the source exports',
    'export { createDog,',
    'export const extra = 1\nexport { createDog,',
    join(root, 'src/core/index.ts'),
  ],
]
for (const [title, from, to, where] of ALTERATIONS) {
  t.test(`The comparison of index.d.ts with the source fails on ${title}`, async (t) => {
    t.ok(hasMismatch(compileWith(from, to, where)))
  })
}

t.test('The built package has the names of index.d.ts, by require and by import', async (t) => {
  const program = compile()
  const checker = program.getTypeChecker()
  const file = checker.getSymbolAtLocation(program.getSourceFile(contract)!)!
  const values = checker
    .getExportsOfModule(file)
    .filter((name) => name.flags & ts.SymbolFlags.Value)
    .map((name) => name.name)
    .sort()
  const built = require('../../dist/index.js')
  t.same(Object.keys(built).sort(), values)
  const imported = await import('../../dist/index.js' as string)
  t.equal(imported.default, built)
  const named = Object.keys(imported).filter((name) => name !== 'default' && name !== 'module.exports')
  t.same(named.sort(), values)
  for (const name of named) t.equal(imported[name], built[name])
})

t.test('`debug` can be assigned from sloppy, strict and ESM code', async (t) => {
  const built = require('../../dist/index.js')
  t.teardown(() => {
    built.debug = false
  })
  new Function('dog', 'dog.debug = true')(built)
  t.equal(built.debug, true)
  new Function('dog', '"use strict"; dog.debug = false')(built)
  t.equal(built.debug, false)
  // This very file is ESM.
  const imported = await import('../../dist/index.js' as string)
  imported.default.debug = true
  t.equal(built.debug, true)
})
