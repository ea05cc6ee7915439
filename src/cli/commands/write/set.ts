// dotdog set: stores a value that was got elsewhere, such as a pushed ticket or a new login.
import { parseArgs } from 'node:util'
import { openSession } from '../../configuration/session.js'
import { oneKey, SESSION_OPTIONS, secondsOf } from '../../lib/arguments.js'
import { ExitError } from '../../lib/exit-error.js'
import { write } from '../../lib/output.js'
import { readValue } from '../../lib/read-input.js'
import { lifetimeOf } from './refresh.js'

export async function set(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...SESSION_OPTIONS, 'expires-in': { type: 'string' }, json: { type: 'boolean' } },
  })
  const key = oneKey('set', positionals)
  const expiresIn = secondsOf('--expires-in', values['expires-in']) ?? Number.POSITIVE_INFINITY
  const text = await readValue('The value')
  const value = values.json ? parseJson(text) : text
  const { dog } = await openSession(values, { only: [key] })
  await dog.set(key, value, { expiresIn })
  return write(`${await lifetimeOf(dog, key)}\n`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not the parser's own message, which quotes the text.
    throw new ExitError(2, 'Standard input is not JSON')
  }
}
