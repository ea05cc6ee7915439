// dotdog status: what is known of each key, at a glance. Never a value.
import { parseArgs } from 'node:util'
import type { KeyStatus } from 'dotdog'
import { openSession, type Session } from '../../configuration/session.js'
import { SESSION_OPTIONS } from '../../lib/arguments.js'
import { ExitError } from '../../lib/exit-error.js'
import { type Output, outputOf, write } from '../../lib/output.js'
import { type Language, languageOf } from '../../terminal/language.js'
import { printable } from '../../terminal/table.js'
import { statusLines } from './status-table.js'

/** Between two looks of `--watch`: a time that is shown goes on although nothing changes. */
const REDRAW_MS = 1000
const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR_BELOW = '\u001b[J'

export async function status(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...SESSION_OPTIONS, json: { type: 'boolean' }, watch: { type: 'boolean', short: 'w' } },
  })
  const session = await openSession(values)
  const view = new StatusView(session, positionals, values.json === true)
  if (values.watch) return watch(session, view)
  const statuses = await view.statuses()
  await write(view.render(statuses))
  const missing = positionals.filter((key) => !statuses.some((one) => one.key === key)).map(printable)
  if (missing.length > 0) throw new ExitError(1, `${session.place} has no ${missing.join(', ')}`)
}

class StatusView {
  readonly #session: Session
  readonly #keys: readonly string[]
  readonly #isJson: boolean
  readonly #language: Language = languageOf(process.env)

  constructor(session: Session, keys: readonly string[], isJson: boolean) {
    this.#session = session
    this.#keys = keys
    this.#isJson = isJson
  }

  async statuses(): Promise<KeyStatus[]> {
    const all = await this.#session.dog.status()
    return this.#keys.length === 0 ? all : all.filter(({ key }) => this.#keys.includes(key))
  }

  render(statuses: readonly KeyStatus[], isOneLine = false): string {
    if (this.#isJson) return `${JSON.stringify(statuses, undefined, isOneLine ? undefined : 2)}\n`
    const output: Output = outputOf(process.stdout, process.env)
    const { place } = this.#session
    const empty = this.#language === 'zh' ? `${place} 中没有键` : `There are no keys in ${place}`
    if (statuses.length === 0) return `${empty}\n`
    const lines = statusLines(statuses, { ...output, now: Date.now(), language: this.#language })
    return `${lines.join('\n')}\n`
  }

  /** Redraws at one place only where a person watches a terminal. */
  get isRedrawn(): boolean {
    return !this.#isJson && outputOf(process.stdout, process.env).isTerminal && process.env.TERM !== 'dumb'
  }
}

/** Shows the statuses until the program is ended. A pipe gets them at each change. */
async function watch({ dog }: Session, view: StatusView): Promise<void> {
  let shown = ''
  let height = 0
  let wake = () => {}
  dog.on('change', () => wake())
  process.stdout.on('resize', () => wake())
  if (view.isRedrawn) restoreCursorAtEnd()
  for (;;) {
    const statuses = await view.statuses()
    const text = view.render(statuses, true)
    if (view.isRedrawn) {
      const top = height > 0 ? `\u001b[${height}A\r` : HIDE_CURSOR
      const visible = cutToScreen(text)
      await write(`${top}${CLEAR_BELOW}${visible}`)
      height = visible.split('\n').length - 1
    } else if (signatureOf(statuses) !== shown) {
      shown = signatureOf(statuses)
      await write(text)
    }
    await new Promise<void>((resolve) => {
      wake = resolve
      setTimeout(resolve, REDRAW_MS)
    })
  }
}

/** What has scrolled away cannot be drawn over. */
function cutToScreen(text: string): string {
  const rows = Math.max(2, (process.stdout.rows || 24) - 1)
  const lines = text.split('\n')
  return lines.length <= rows ? text : `${lines.slice(0, rows - 1).join('\n')}\n`
}

/** What counts as a change where the times that go by do not. */
const signatureOf = (statuses: readonly KeyStatus[]): string =>
  JSON.stringify(statuses.map(({ key, state, generation, holder, failure }) => [key, state, generation, holder, failure?.at]))

function restoreCursorAtEnd(): void {
  process.on('exit', () => process.stdout.write(SHOW_CURSOR))
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.on(signal, () => process.exit(128 + number))
  }
}
