// Finds runs of lines that stand twice: `node scripts/duplicates.js [FOLDER] [LINES]`. Spaces do not count; blank lines,
// comments and imports are passed over.
const { readdirSync, readFileSync } = require('node:fs')
const { join, resolve } = require('node:path')

const MIN_LINES = 12

/** The lines of code, each with its number: without blank lines, comments and imports. */
function codeLines(text) {
  const lines = []
  let skippedUntil
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim().replace(/\s+/g, ' ')
    if (skippedUntil !== undefined) {
      if (skippedUntil.test(line)) skippedUntil = undefined
    } else if (line.startsWith('/*')) {
      if (!line.includes('*/')) skippedUntil = /\*\//
    } else if (/^import\b(?!\()/.test(line)) {
      if (!/['"];?$/.test(line)) skippedUntil = /from ['"].*['"];?$/
    } else if (line !== '' && !line.startsWith('//')) lines.push({ line, number: index + 1 })
  }
  return lines
}

/** Every longest run of at least `min` lines that stands at two places: where it begins, and how long it is. */
function duplicates(files, min = MIN_LINES) {
  const places = new Map()
  const codes = new Map(Object.entries(files).map(([file, text]) => [file, codeLines(text)]))
  for (const [file, code] of codes) {
    for (let at = 0; at + min <= code.length; at++) {
      const window = code
        .slice(at, at + min)
        .map(({ line }) => line)
        .join('\n')
      places.set(window, [...(places.get(window) ?? []), { file, at }])
    }
  }
  const lineAt = ({ file, at }, offset) => codes.get(file)[at + offset]?.line
  const found = []
  for (const [first, ...others] of places.values()) {
    for (const other of others) {
      const before = lineAt(first, -1)
      if (before !== undefined && before === lineAt(other, -1)) continue
      let lines = min
      while (lineAt(first, lines) !== undefined && lineAt(first, lines) === lineAt(other, lines)) lines++
      const place = ({ file, at }) => `${file}:${codes.get(file)[at].number}`
      found.push({ lines, places: [place(first), place(other)] })
    }
  }
  return found.sort((a, b) => b.lines - a.lines)
}

/** The same, of the TypeScript and JavaScript files below a folder. */
function duplicatesIn(folder, min) {
  const names = readdirSync(folder, { recursive: true }).filter((name) => /\.[cm]?[jt]s$/.test(name))
  return duplicates(Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')])), min)
}

module.exports = { duplicates, duplicatesIn }

if (require.main === module) {
  const [folder = resolve(__dirname, '../src'), min = MIN_LINES] = process.argv.slice(2)
  const found = duplicatesIn(folder, Number(min))
  for (const { lines, places } of found) console.log(`${lines} lines: ${places.join(' and ')}`)
  process.exitCode = found.length > 0 ? 1 : 0
}
