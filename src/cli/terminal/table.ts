/** A table for a terminal: columns that fit its width, with wide Chinese characters counted as two. */

export interface Column {
  readonly title: string
  /** Columns with the highest number are left out first where the terminal is narrow. 0: never. */
  readonly dropOrder: number
}

/** A cell's text, and how it is painted after its width is known. */
export interface Cell {
  readonly text: string
  readonly paint?: (text: string) => string
}

const GAP = '  '
const MIN_CELL_WIDTH = 8
const ESCAPE = '\u001b'

/** Han, kana, hangul, full-width forms and emoji take two columns of a terminal. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}]|[\u{20000}-\u{3fffd}]/u

export function widthOf(text: string): number {
  let width = 0
  for (const char of text) width += WIDE.test(char) ? 2 : 1
  return width
}

/** The text without control characters, cut to a width. */
export function fit(text: string, width: number): string {
  const clean = printable(text)
  if (widthOf(clean) <= width) return clean
  let kept = ''
  let used = 0
  for (const char of clean) {
    const next = used + widthOf(char)
    if (next > width - 1) break
    kept += char
    used = next
  }
  return `${kept}…`
}

/** A key or a message may hold control characters, which would command the terminal. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')

const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)))

/** The lines of the table, the head first. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly Cell[])[], width: number): string[] {
  const used = columns.map((_, index) => index)
  const naturalWidth = (index: number) =>
    Math.max(widthOf(columns[index]!.title), ...rows.map((row) => widthOf(printable(row[index]!.text))))
  const widths = columns.map((_, index) => naturalWidth(index))
  const total = () => used.reduce((sum, index) => sum + widths[index]! + GAP.length, -GAP.length)
  while (total() > width) {
    const victim = used.reduce((worst, index) => (columns[index]!.dropOrder > columns[worst]!.dropOrder ? index : worst))
    if (columns[victim]!.dropOrder === 0) break
    used.splice(used.indexOf(victim), 1)
  }
  const excess = total() - width
  if (excess > 0) widths[used[0]!] = Math.max(MIN_CELL_WIDTH, widths[used[0]!]! - excess)
  const line = (cells: readonly Cell[]) =>
    used
      .map((index) => {
        const { text, paint = (plain: string) => plain } = cells[index]!
        return paint(pad(fit(text, widths[index]!), widths[index]!))
      })
      .join(GAP)
      .trimEnd()
  return [line(columns.map(({ title }) => ({ text: title }))), ...rows.map(line)]
}

/** Cuts a text into lines of a width, at spaces where there are any. */
export function wrap(text: string, width: number): string[] {
  if (!Number.isFinite(width)) return [printable(text)]
  const lines: string[] = []
  let line = ''
  let size = 0
  const flush = () => {
    lines.push(line.trimEnd())
    line = ''
    size = 0
  }
  for (const word of printable(text).split(/(?<= )|(?<=[\u3000-\u9fff，。：；])/u)) {
    if (size > 0 && size + widthOf(word.trimEnd()) > width) flush()
    for (const char of word) {
      if (size + widthOf(char) > width && char !== ' ') flush()
      line += char
      size += widthOf(char)
    }
  }
  if (line !== '') flush()
  return lines
}

const CODES = { green: 32, yellow: 33, red: 31, dim: 2 } as const

/** Paints a text, or returns it as it is where there is no colour. */
export const painter = (isColored: boolean) => (color: keyof typeof CODES) => (text: string) =>
  isColored ? `${ESCAPE}[${CODES[color]}m${text}${ESCAPE}[0m` : text
