// dotdog get: prints a value, and nothing else.
import { parseArgs } from 'node:util'
import { freshRecord } from '../../configuration/fresh-value.js'
import { oneKey, SESSION_OPTIONS, type SessionArguments, secondsOf } from '../../lib/arguments.js'
import { ExitError } from '../../lib/exit-error.js'
import { write } from '../../lib/output.js'
import { readRequest } from '../../lib/read-input.js'
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
      as: { type: 'string' },
      host: { type: 'string' },
      user: { type: 'string' },
    },
  })

export async function get(args: string[]): Promise<void> {
  const { values, positionals } = parse(args)
  if (values.json && values.as !== undefined) throw new ExitError(2, '--json and --as exclude each other')
  // git adds a word of its own. What it offers to store or to erase is not for a helper that only gives.
  const [name, operation] = positionals
  const isForGit = values.as === 'git' && operation !== undefined
  if (isForGit && operation !== 'get') return
  const key = oneKey('get', isForGit ? [name!, ...positionals.slice(2)] : positionals)
  const minTtl = secondsOf('--min-ttl', values['min-ttl'])
  const fresh = minTtl === undefined ? await freshRecord(values, key) : undefined
  const { value, expiresAt, generation } = fresh ?? (await readOrFetch(values, key, minTtl))
  const part = fieldOf(key, value, values.field)
  if (values.as !== undefined) {
    const { formatCredential, hasRequest } = await import('../../credentials/index.js')
    const request = hasRequest(values.as) ? await readRequest() : undefined
    const { as, host, user } = values
    return write(formatCredential(as, { key, value: part, expiresAt, env: process.env, host, user, request }))
  }
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
