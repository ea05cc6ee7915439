// Lists the titles of all tests, those of the store suite included, file by file in the order of the text:
// `node scripts/test-titles.js [ROOT]` prints them as JSON.
const { existsSync, readdirSync, readFileSync } = require('node:fs')
const { join, resolve } = require('node:path')
const ts = require('typescript')

/** Where tests are written. The store suite defines tests that authors of stores run; it has been in two folders. */
const FOLDERS = ['test', 'src/store-suite', 'src/stores/suite']

const root = resolve(__dirname, '..')

/** A title as it is written: the text of a string, a template with its `${…}`, the source of anything else. */
function titleOf(node, file) {
  if (ts.isStringLiteralLike(node)) return node.text
  const source = node.getText(file).replace(/\s+/g, ' ')
  return ts.isTemplateExpression(node) ? source.slice(1, -1) : source
}

function titlesOf(name, text) {
  const titles = []
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)
  const visit = (node) => {
    const isTest =
      ts.isCallExpression(node) &&
      node.arguments.length >= 2 &&
      /(^|\.)(test|it|describe|define)$/.test(node.expression.getText(file))
    if (isTest) titles.push(titleOf(node.arguments[0], file))
    ts.forEachChild(node, visit)
  }
  visit(file)
  return titles
}

/** Each file that has tests, with their titles. */
function allTitles(base = root) {
  const all = {}
  for (const folder of FOLDERS) {
    if (!existsSync(join(base, folder))) continue
    const names = readdirSync(join(base, folder), { recursive: true }).filter((name) => /\.[cm]?[jt]s$/.test(name))
    for (const name of names.sort()) {
      const file = `${folder}/${name.replaceAll('\\', '/')}`
      if (file.startsWith('test/build/')) continue
      const titles = titlesOf(file, readFileSync(join(base, file), 'utf8'))
      if (titles.length > 0) all[file] = titles
    }
  }
  return all
}

module.exports = { titlesOf, allTitles }

if (require.main === module) console.log(JSON.stringify(allTitles(process.argv[2]), undefined, 1))
