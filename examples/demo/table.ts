// A table of texts for a terminal.
import { stripVTControlCharacters } from 'node:util'
import { color } from './colors.js'

export interface Column {
  title: string
  /** Aligns the cells to the right, as for numbers. Default: to the left. */
  right?: boolean
}

const widthOf = (text: string): number => stripVTControlCharacters(text).length

function pad(text: string, width: number, right: boolean | undefined): string {
  const space = ' '.repeat(width - widthOf(text))
  return right ? space + text : text + space
}

/**
 * The rows under their titles. Each column is as wide as its widest cell. Cells may be coloured.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, i) => Math.max(widthOf(column.title), ...rows.map((row) => widthOf(row[i] ?? ''))))
  const lineOf = (cells: readonly string[]): string =>
    `  ${columns.map((column, i) => pad(cells[i] ?? '', widths[i]!, column.right)).join('   ')}`.trimEnd()
  const rule = color(`  ${widths.map((width) => '─'.repeat(width)).join('───')}`, 'dim')
  return [color(lineOf(columns.map((column) => column.title)), 'bold'), rule, ...rows.map(lineOf)].join('\n')
}
