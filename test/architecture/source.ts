// What the tests of the architecture read: the files of the project, and what each imports.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** The files under a folder, as paths from the root with slashes: none where there is no such folder. */
export function filesOf(folder: string, wanted: RegExp): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && wanted.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.includes('node_modules/'))
    .sort()
}

export const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

export interface Import {
  /** The specifier, as it is written. */
  from: string
  /** The path of the imported file from the root; undefined for a package. */
  file: string | undefined
  isType: boolean
  /** It is an `import()` or a `require()` inside a function. */
  isLazy: boolean
}

/** Finds every way in which a file names another: import, export from, import(), require(), typeof import(). */
export function importsOf(path: string, text = textOf(path)): Import[] {
  const found: Import[] = []
  const add = (name: ts.Node | undefined, isType: boolean, isLazy: boolean) => {
    if (name === undefined || !ts.isStringLiteralLike(name)) return
    const from = name.text
    const file = from.startsWith('.') ? join(dirname(path), from).split(sep).join('/').replace(/\.js$/, '.ts') : undefined
    found.push({ from, file: file === 'index.ts' ? 'index.d.ts' : file, isType, isLazy })
  }
  const visit = (node: ts.Node, inFunction: boolean): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly === true, false)
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly, false)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true, false)
    else if (ts.isCallExpression(node)) {
      const { expression, arguments: given } = node
      const isImport = expression.kind === ts.SyntaxKind.ImportKeyword
      if (isImport) add(given[0], false, inFunction)
      else if (/(^|\.)(require|getBuiltinModule)$/.test(expression.getText(file))) add(given[0], false, inFunction)
    }
    ts.forEachChild(node, (child) => visit(child, inFunction || ts.isFunctionLike(node)))
  }
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
  visit(file, false)
  return found
}
