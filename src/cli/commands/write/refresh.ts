// dotdog refresh: replaces a value. Prints how long the new one lives, and never the value.
import { parseArgs } from 'node:util'
import type { Dog } from 'dotdog'
import { openSession } from '../../configuration/session.js'
import { oneKey, SESSION_OPTIONS } from '../../lib/arguments.js'
import { ExitError } from '../../lib/exit-error.js'
import { write } from '../../lib/output.js'
import { readValue } from '../../lib/read-input.js'
import { languageOf } from '../../terminal/language.js'
import { isNever, timeLeft } from '../../terminal/times.js'

export async function refresh(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...SESSION_OPTIONS, rejected: { type: 'string' }, force: { type: 'boolean' } },
  })
  const key = oneKey('refresh', positionals)
  if (values.rejected !== undefined && values.rejected !== '-') {
    throw new ExitError(
      2,
      'The rejected value is read from standard input: --rejected -',
      'Other users can read the arguments of a program.',
    )
  }
  const given = values.rejected === undefined ? undefined : await readValue('The rejected value')
  const { dog } = await openSession(values, { only: [key] })
  const rejected = given === undefined ? {} : { rejected: await likeCurrent(dog, key, given) }
  await dog.refresh<unknown>(key, { ...rejected, ...(values.force ? { force: true } : {}) })
  return write(`${await lifetimeOf(dog, key)}\n`)
}

/** The text on standard input as the value that it stands for: `get` prints an object as JSON. */
async function likeCurrent(dog: Dog, key: string, text: string): Promise<unknown> {
  const current = dog.peek<unknown>(key)?.value
  if (current === undefined || typeof current === 'string') return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** How long the value of a key lives, as a sentence. */
export async function lifetimeOf(dog: Dog, key: string): Promise<string> {
  const language = languageOf(process.env)
  const current = dog.peek(key)
  if (current === undefined) return `${key}: ${language === 'zh' ? '没有有效的值' : 'has no valid value'}`
  const left = timeLeft(current.expiresAt, Date.now(), language)
  if (isNever(current.expiresAt)) return `${key}: ${left}`
  return `${key}: ${language === 'zh' ? `有效期还有 ${left}` : `valid for ${left}`}`
}
