import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { publicNames } from './api-names.js'
import { anchorsOf, codeWordsOf, documents, linesOf, linksOf, markdownFiles, snippetsOf } from './markdown.js'
import { checkSyntax, preambleOf, runSnippet, runTogether } from './snippet-runner.js'
import { root, textOf } from './source.js'

// Every snippet is a process or more, and other tests may run beside them.
t.setTimeout(300_000)

const MAX_COLUMNS = 110
const MAX_README_WORDS = 1000

const snippets = documents.flatMap((file) => snippetsOf(file))

/** A snippet that does not run says why. */
const CHECK_ONLY = /^check only: .{10,}$/
const EIGHT_TIMES = 'runs eight times, with one fetch'

t.test('every js snippet of the README and docs/ runs against the built package, or says why it cannot', async (t) => {
  t.ok(snippets.filter(({ file }) => file === 'README.md').length >= 2)
  for (const snippet of snippets) {
    const { file, line, mode } = snippet
    await t.test(`${file}, line ${line}: ${mode}`, async (t) => {
      if (mode === EIGHT_TIMES) {
        const ended = await runTogether(t, snippet, 8)
        for (const { code, err } of ended) t.equal(code, 0, err)
        const lines = ended.flatMap(({ out }) => out.trim().split('\n'))
        t.equal(lines.filter((line) => /^\d+ fetches$/.test(line)).length, 1)
        const tokens = lines.flatMap((line) => /^\d+ has (token-\d+)$/.exec(line)?.[1] ?? [])
        t.equal(tokens.length, 8)
        t.equal(new Set(tokens).size, 1)
      } else if (CHECK_ONLY.test(mode)) {
        t.not(file, 'README.md', 'the README has only snippets that run')
        await t.resolves(checkSyntax(t, snippet))
      } else {
        const preamble = preambleOf(mode)
        if (preamble === undefined) return t.fail(`nothing is known of "${mode}"`)
        const { code, err } = await runSnippet(t, snippet, preamble)
        t.equal(code, 0, err)
      }
    })
  }
})

t.test('a snippet that throws fails', async (t) => {
  const [snippet] = snippetsOf('x.md', "```js\nrequire('dotdog').get('')\nawait 1\nthrow new Error('no')\n```\n")
  const { code, err } = await runSnippet(t, snippet!, preambleOf(snippet!.mode)!)
  t.equal(code, 1)
  t.match(err, 'Error')
})

t.test('every relative link in Markdown leads to a file, and every anchor to a heading', async (t) => {
  t.ok(markdownFiles.length > 15)
  for (const file of markdownFiles) {
    for (const { link, target, anchor } of linksOf(file)) {
      const path = join(root, target)
      if (!t.ok(existsSync(path), `${file}: ${link}`) || anchor === '') continue
      t.ok(anchorsOf(readFileSync(path, 'utf8')).has(anchor), `${file}: ${link}`)
    }
  }
})

t.test('the check of links finds anchors as GitHub makes them', async (t) => {
  const anchors = anchorsOf('# The `get(key)` call\n\n```sh\n# no heading\n```\n## Twice\n## Twice\n')
  t.same([...anchors], ['the-getkey-call', 'twice', 'twice-1'])
  t.same(linksOf('docs/a.md', '[b](b.md#c) [web](https://example.com) `[code](none)` ![](../x.svg)'), [
    { link: 'b.md#c', target: 'docs/b.md', anchor: 'c' },
    { link: '../x.svg', target: 'x.svg', anchor: '' },
  ])
})

t.test(`no line of Markdown is over ${MAX_COLUMNS} columns, except in tables`, async (t) => {
  for (const file of markdownFiles) {
    for (const { kind, number, text } of linesOf(textOf(file))) {
      if (kind !== 'table' && [...text].length > MAX_COLUMNS) t.fail(`${file}, line ${number}: ${[...text].length} columns`)
    }
  }
})

t.test(`the README has at most ${MAX_README_WORDS} words outside tables, wrapped at 100 columns`, async (t) => {
  const lines = linesOf(textOf('README.md')).filter(({ kind }) => kind !== 'table')
  const words = lines.flatMap(({ text }) => text.split(/\s+/).filter((word) => word !== ''))
  t.ok(words.length <= MAX_README_WORDS, `${words.length} words`)
  for (const { number, text } of lines) t.ok([...text].length <= 100, `line ${number}`)
})

t.test('every name of index.d.ts is in code in the README or docs/', async (t) => {
  const named = new Set(documents.flatMap((file) => codeWordsOf(textOf(file))))
  const names = [...publicNames()]
  t.ok(names.length > 80)
  for (const name of ['init', 'refreshAhead', 'takeover', 'ERR_DOG_QUOTA', 'createDog']) t.ok(names.includes(name), name)
  t.same(
    names.filter((name) => !named.has(name)),
    [],
  )
})

t.test('every npm script that a document names is in package.json', async (t) => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
  for (const file of markdownFiles) {
    for (const [, name] of textOf(file).matchAll(/npm run ([\w:-]+)/g)) t.ok(Object.hasOwn(scripts, name!), `${file}: ${name}`)
  }
})
