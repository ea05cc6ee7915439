// Colours, if somebody looks. Our own check, and one style at a time: on Node 20, styleText leaves both to the caller.
import { styleText } from 'node:util'

type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'cyan' | 'red'

const { NO_COLOR, FORCE_COLOR, TERM } = process.env
const coloured =
  !NO_COLOR && TERM !== 'dumb' && (process.stdout.isTTY === true || (FORCE_COLOR !== undefined && FORCE_COLOR !== '0'))

export function color(text: string, ...styles: Style[]): string {
  if (!coloured) return text
  return styles.reduce((painted, style) => styleText(style, painted), text)
}
