// dotdog import: adopts the tokens that another program keeps in a file, after asking.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { openSession } from '../../configuration/session.js'
import { type ImportedFile, type ImportedValue, parseForeignFile } from '../../import/index.js'
import { SESSION_OPTIONS } from '../../lib/arguments.js'
import { ExitError } from '../../lib/exit-error.js'
import { write } from '../../lib/output.js'
import { confirm } from '../../lib/read-input.js'
import { languageOf } from '../../terminal/language.js'
import { printable } from '../../terminal/table.js'

/** A larger file is of no program that is known. */
const MAX_FILE_BYTES = 1_048_576

export async function importFile(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...SESSION_OPTIONS, prefix: { type: 'string' }, yes: { type: 'boolean', short: 'y' } },
  })
  const [path] = positionals
  if (path === undefined || positionals.length > 1) throw new ExitError(2, 'dotdog import takes one file')
  const { writer, values: found } = readForeign(path)
  const keyOf = ({ key }: ImportedValue) => `${values.prefix ?? ''}${key}`
  const valid = found.filter(({ expiresAt }) => expiresAt > Date.now())
  if (valid.length === 0) throw new ExitError(1, `The values in the file of ${writer} are over: there is nothing to import`)
  const { dog, place } = await openSession(values, { only: valid.map(keyOf) })
  const names = valid.map((one) => printable(keyOf(one))).join(', ')
  const question =
    languageOf(process.env) === 'zh'
      ? `要把 ${writer} 的 ${names} 导入 ${place} 吗？已有的值会被替换。`
      : `Import ${names} of ${writer} into ${place}? A value that is there is replaced.`
  if (!values.yes && !(await confirm(question))) throw new ExitError(1, 'Nothing was imported')
  for (const one of valid) await dog.set(keyOf(one), one.value, { expiresAt: one.expiresAt })
  const left = found.length - valid.length
  return write(`${names}${left === 0 ? '' : ` (${left} more ${left === 1 ? 'is' : 'are'} over)`}\n`)
}

/** The name of the file is not repeated: that of node-easywechat has the app secret in it. */
function readForeign(path: string): ImportedFile {
  let file: number | undefined
  try {
    // Without O_NONBLOCK a FIFO would be waited for.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const { size } = fstatSync(file)
    if (size > MAX_FILE_BYTES) throw new Error(`the file has more than ${MAX_FILE_BYTES} bytes`)
    return parseForeignFile(path, readFileSync(file, 'utf8'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new ExitError(2, code === undefined ? `Nothing to import: ${message}` : `The file cannot be read (${code})`)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
