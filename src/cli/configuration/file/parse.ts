import type { Node, ParseError } from 'jsonc-parser'
import { ExitError } from '../../lib/exit-error.js'

/**
 * Parses JSON with comments, and finds the line and column of a member. `JSON.parse` is tried
 * first: `jsonc-parser` is loaded only where that fails, or to locate an error.
 */

export type MemberPath = readonly (string | number)[]

/** What the parser misses or does not want, by its code. */
const PARSE_ERRORS: Readonly<Record<number, string>> = {
  1: 'a symbol that JSON does not have',
  2: 'a number that JSON does not have',
  3: 'a name in double quotes is expected',
  4: 'a value is expected',
  5: 'a colon is expected',
  6: 'a comma is expected',
  7: 'a closing } is expected',
  8: 'a closing ] is expected',
  9: 'nothing is expected after the end',
  10: 'a comment is not allowed here',
  11: 'a comment does not end',
  12: 'a string does not end',
  13: 'a number does not end',
  14: 'a wrong \\u escape',
  15: 'a wrong escape',
  16: 'a control character in a string',
}

/** Where a text says something. Lines and columns count from 1. */
export interface Position {
  line: number
  column: number
}

/**
 * @throws ExitError (code 2) with the position of the first error, and never with a part of the
 * text.
 */
export async function parseConfiguration(path: string, text: string): Promise<unknown> {
  try {
    return JSON.parse(text)
  } catch {
    const errors: ParseError[] = []
    const tree = await treeOf(path, text, errors)
    const [first] = errors
    if (first === undefined && tree !== undefined) return plainValueOf(tree)
    const { line, column } = positionAt(text, first?.offset ?? 0)
    const what = PARSE_ERRORS[first?.error ?? 4] ?? 'something that JSON does not have'
    throw new ExitError(2, `${path}:${line}:${column}: is not JSON: ${what}`)
  }
}

/**
 * The position of a member, or of its name. Where the text lacks the member, that of the nearest
 * one around it.
 */
export async function locate(path: string, text: string, member: MemberPath, isName: boolean): Promise<Position> {
  let node = await treeOf(path, text, [])
  for (const [depth, name] of member.entries()) {
    const child = childOf(node, name)
    if (child === undefined) break
    const isLast = depth === member.length - 1
    node = child.property !== undefined && isName && isLast ? child.property : child.value
  }
  return positionAt(text, node?.offset ?? 0)
}

async function treeOf(path: string, text: string, errors: ParseError[]): Promise<Node | undefined> {
  const { parseTree } = await import('jsonc-parser')
  try {
    // Blanks in place of a byte order mark keep the offsets.
    return parseTree(text.replace(/^\ufeff/, ' '), errors, { allowTrailingComma: true })
  } catch {
    // The parser calls itself for each level.
    throw new ExitError(2, `${path} is nested too deeply`)
  }
}

interface Child {
  property?: Node
  value: Node
}

/** Of two members with one name the last one counts, as in `JSON.parse`. */
function childOf(node: Node | undefined, name: string | number): Child | undefined {
  if (node?.type === 'array') {
    const value = node.children?.[name as number]
    return value && { value }
  }
  const member = node?.children?.findLast(({ children }) => children?.[0]?.value === name)
  const [property, value] = member?.children ?? []
  return property && value && { property, value }
}

/** Unlike the parser's own function it makes a member `__proto__` a member. */
function plainValueOf(node: Node): unknown {
  const { type, children = [], value } = node
  if (type === 'array') return children.map(plainValueOf)
  if (type !== 'object') return value
  const object = {}
  for (const { children: [name, member] = [] } of children) {
    if (name === undefined || member === undefined) continue
    Object.defineProperty(object, name.value, {
      value: plainValueOf(member),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return object
}

function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset).split(/\r\n|\r|\n/)
  return { line: before.length, column: before.at(-1)!.length + 1 }
}
