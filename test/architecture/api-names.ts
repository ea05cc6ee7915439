// The names that index.d.ts promises.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { root, textOf } from './source.js'

/** Where the contract stands. */
const CONTRACT = ['index.d.ts', 'events.d.ts', 'store.d.ts'].filter((file) => existsSync(join(root, file)))

const isExported = (node: ts.Node): boolean =>
  ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true

/** Functions, classes and values; members of interfaces, which are options, events, calls and fields; and literals, which are codes. */
export function publicNames(files = CONTRACT): Set<string> {
  const names = new Set<string>()
  const add = (name: ts.Node | undefined) => {
    if (name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteral(name))) names.add(name.text)
  }
  for (const file of files) {
    const visit = (node: ts.Node): void => {
      if ((ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)) && isExported(node)) add(node.name)
      else if (ts.isVariableStatement(node) && isExported(node)) {
        for (const { name } of node.declarationList.declarations) add(name)
      } else if (ts.isPropertySignature(node) || ts.isMethodSignature(node) || ts.isPropertyDeclaration(node)) add(node.name)
      else if (ts.isLiteralTypeNode(node)) add(node.literal)
      ts.forEachChild(node, visit)
    }
    visit(ts.createSourceFile(file, textOf(file), ts.ScriptTarget.Latest))
  }
  return names
}
