// dotdog get: prints a value, and nothing else.
import { parseArgs } from 'node:util'
import { freshRecord } from '../../configuration/fresh-value.js'
import { oneKey, SESSION_OPTIONS, type SessionArguments, secondsOf } from '../../lib/arguments.js'
import { write } from '../../lib/output.js'
import { fieldOf, textOf } from '../../lib/value-text.js'
import { isNever } from '../../terminal/times.js'

const parse = (args: string[]) =>
  parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...SESSION_OPTIONS,
      'no-newline': { type: 'boolean', short: 'n' },
      field: { type: 'string' },
      'min-ttl': { type: 'string' },
      json: { type: 'boolean' },
    },
  })

export async function get(args: string[]): Promise<void> {
  const { values, positionals } = parse(args)
  const key = oneKey('get', positionals)
  const minTtl = secondsOf('--min-ttl', values['min-ttl'])
  const fresh = minTtl === undefined ? await freshRecord(values, key) : undefined
  const { value, expiresAt, generation } = fresh ?? (await readOrFetch(values, key, minTtl))
  const part = fieldOf(key, value, values.field)
  const end = values['no-newline'] ? '' : '\n'
  if (!values.json) return write(textOf(part) + end)
  const expiry = isNever(expiresAt) ? null : expiresAt
  return write(JSON.stringify({ key, value: part, expiresAt: expiry, generation }) + end)
}

async function readOrFetch(args: SessionArguments, key: string, minTtl: number | undefined) {
  const { openSession } = await import('../../configuration/session.js')
  const { dog } = await openSession(args, { only: [key] })
  return dog.read<unknown>(key, minTtl === undefined ? {} : { minTtl })
}
