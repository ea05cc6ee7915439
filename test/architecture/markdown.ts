// Reads the project's Markdown: which files there are, and the lines, snippets, links and anchors of each.
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import { filesOf, root, textOf } from './source.js'

/** Every Markdown file of the project, as a path from the root. */
export const markdownFiles: readonly string[] = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...['.github', 'bench', 'docs', 'examples', 'scripts', 'src', 'test'].flatMap((folder) => filesOf(folder, /\.md$/)),
].filter((file) => !file.startsWith('test/build/'))

/** The files that describe the public API. */
export const documents: readonly string[] = markdownFiles.filter((file) => /^(README\.md$|docs\/)/.test(file))

export interface Line {
  /** Counts from 1. */
  number: number
  text: string
  kind: 'text' | 'table' | 'code' | 'fence'
  /** The language of the code block that the line is in, or whose fence it is. */
  language: string
}

export function linesOf(markdown: string): Line[] {
  let language: string | undefined
  return markdown.split('\n').map((text, index) => {
    const line = { number: index + 1, text, language: language ?? '' }
    if (text.trimStart().startsWith('```')) {
      const opened = language === undefined ? text.trim().slice(3) : undefined
      language = opened
      return { ...line, kind: 'fence', language: opened ?? line.language }
    }
    if (language !== undefined) return { ...line, kind: 'code' }
    return { ...line, kind: text.startsWith('|') ? 'table' : 'text' }
  })
}

export interface Snippet {
  file: string
  /** The line of its fence. */
  line: number
  code: string
  /** The text of `<!-- test: … -->` in the line above its fence: how it is tested. */
  mode: string
}

/** The `js` snippets of a file. */
export function snippetsOf(file: string, markdown = textOf(file)): Snippet[] {
  const snippets: Snippet[] = []
  const lines = linesOf(markdown)
  let current: Snippet | undefined
  for (const [index, { kind, language, number, text }] of lines.entries()) {
    if (language !== 'js') continue
    if (kind === 'code') current!.code += `${text}\n`
    else if (current !== undefined) {
      snippets.push(current)
      current = undefined
    } else {
      const comment = /^<!-- test: (.+) -->$/.exec(lines[index - 1]?.text ?? '')
      current = { file, line: number, code: '', mode: comment?.[1] ?? 'with nothing' }
    }
  }
  return snippets
}

/** The text outside code, without code spans. */
const proseOf = (markdown: string): string =>
  linesOf(markdown)
    .filter(({ kind }) => kind === 'text' || kind === 'table')
    .map(({ text }) => text.replace(/`[^`]*`/g, '`'))
    .join('\n')

/** The relative links of a file: each as written, and the file and anchor that it leads to. */
export function linksOf(file: string, markdown = textOf(file)): { link: string; target: string; anchor: string }[] {
  const links = [...proseOf(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)
  return links
    .filter((link) => !/^[a-z][a-z0-9+.-]*:/i.test(link))
    .map((link) => {
      const [path = '', anchor = ''] = link.split('#')
      return { link, target: path === '' ? file : join(dirname(file), path), anchor }
    })
}

/** The anchors of a file's headings, as GitHub makes them. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>()
  for (const { kind, text } of linesOf(markdown)) {
    const heading = kind === 'text' ? /^#{1,6} +(.+)$/.exec(text)?.[1] : undefined
    if (heading === undefined) continue
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-')
    let anchor = slug
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`
    anchors.add(anchor)
  }
  return anchors
}

/** Every word inside a code span or a code block of a file. */
export function codeWordsOf(markdown: string): string[] {
  const lines = linesOf(markdown)
  const blocks = lines.filter(({ kind }) => kind === 'code').map(({ text }) => text)
  const spans = lines
    .filter(({ kind }) => kind === 'text' || kind === 'table')
    .flatMap(({ text }) => [...text.matchAll(/`([^`]*)`/g)].map(([, span]) => span!))
  // A channel has a colon in its name: `dotdog:fetch`.
  const patterns = [/[\p{L}_$][\p{L}\p{N}_$]*/gu, /\bdotdog:[a-z]+/g]
  return [...blocks, ...spans].flatMap((text) => patterns.flatMap((pattern) => text.match(pattern) ?? []))
}
