// Colours for a terminal. They are left out if the output goes elsewhere. The check is our own, and
// the styles are applied one by one: on Node 20, styleText leaves both to its caller.
import { styleText } from 'node:util'

type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'cyan' | 'red'

const { NO_COLOR, FORCE_COLOR, TERM } = process.env
const isColored =
  !NO_COLOR && TERM !== 'dumb' && (process.stdout.isTTY === true || (FORCE_COLOR !== undefined && FORCE_COLOR !== '0'))

export function color(text: string, ...styles: Style[]): string {
  if (!isColored) return text
  return styles.reduce((styled, style) => styleText(style, styled), text)
}
