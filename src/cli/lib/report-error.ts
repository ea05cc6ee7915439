import { hintOf } from '../terminal/hints.js'
import { languageOf } from '../terminal/language.js'
import { ExitError } from './exit-error.js'

/** Says on standard error why the program ends and what helps, and sets its exit code. */
export function reportError(error: unknown): void {
  const ending = ExitError.of(error)
  const language = languageOf(process.env)
  const usage = language === 'zh' ? '请运行 dotdog --help 查看用法。' : 'Try dotdog --help.'
  const { code, details, cause } = Object(error) as { code?: unknown; details?: unknown; cause?: unknown }
  const known = ending === error ? undefined : hintOf({ code, details: details ?? cause }, language)
  const hint = ending.hint ?? known ?? (ending.code === 2 ? usage : undefined)
  console.error(`dotdog: ${ending.message}${hint === undefined || ending.message.includes(hint) ? '' : `\n${hint}`}`)
  process.exitCode = ending.code
}
