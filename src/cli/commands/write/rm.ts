// dotdog rm: removes a stored value, after asking.
import { parseArgs } from 'node:util'
import { openSession } from '../../configuration/session.js'
import { oneKey, SESSION_OPTIONS } from '../../lib/arguments.js'
import { ExitError } from '../../lib/exit-error.js'
import { confirm } from '../../lib/read-input.js'
import { languageOf } from '../../terminal/language.js'
import { printable } from '../../terminal/table.js'

export async function rm(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...SESSION_OPTIONS, yes: { type: 'boolean', short: 'y' } },
  })
  const key = oneKey('rm', positionals)
  const { dog, place } = await openSession(values, { only: [key] })
  const shown = printable(key)
  const question =
    languageOf(process.env) === 'zh' ? `要从 ${place} 中删除 ${shown} 的值吗？` : `Remove the value of ${shown} from ${place}?`
  if (!values.yes && !(await confirm(question))) throw new ExitError(1, 'Nothing was removed')
  if (!(await dog.remove(key))) throw new ExitError(1, `${shown} has no value in ${place}`)
}
