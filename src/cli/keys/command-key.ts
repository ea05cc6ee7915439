// A key whose value a program prints: `{ "command": ["gcloud", "auth", "print-access-token"] }`.
import type { Fetcher, Result } from 'dotdog'
import { parseJsonObject } from '../../core/shared/upstream/upstream-text.js'
import { checkValue, required } from '../../core/shared/validate.js'
import type { KeyEntry } from './entry.js'
import { COMMAND, ENVIRONMENT, runCommand } from './run-command.js'
import { checkSecret, resolveSecret, type SecretContext, type SecretReference } from './secret.js'

/** Variables of a program: texts, or secrets. */
type Environment = Readonly<Record<string, string | SecretReference>>

/** @throws TypeError for the first thing that is wrong. */
export function commandFetcher(path: string, entry: KeyEntry, secretContext: SecretContext): Fetcher<unknown> {
  const { command, environment = {}, expiresIn } = entry as KeyEntry & { command: string[]; environment?: Environment }
  checkValue(`${path}.command`, command, required(COMMAND))
  const secrets = Object.entries(environment).filter(([, value]) => typeof value !== 'string')
  for (const [name, value] of secrets) checkSecret(`${path}.environment.${name}`, value)
  const texts = Object.fromEntries(Object.entries(environment).filter(([, value]) => typeof value === 'string'))
  checkValue(`${path}.environment`, texts, ENVIRONMENT)

  return async ({ signal }) => {
    const resolved: Record<string, string> = { ...texts } as Record<string, string>
    for (const [name, value] of secrets) {
      const reference = value as SecretReference
      resolved[name] = await resolveSecret(`${path}.environment.${name}`, reference, secretContext, signal)
    }
    return resultOf(path, await runCommand({ command, environment: resolved, ...secretContext, signal }), expiresIn)
  }
}

/** What a program printed: JSON with `value` and its lifetime, or the value itself. */
function resultOf(path: string, printed: string, defaultExpiresIn: number | undefined): Result<unknown> {
  const object = printed.trimStart().startsWith('{') ? parseJsonObject(printed) : undefined
  const value = object === undefined ? printed.replace(/[\r\n]+$/, '') : object.value
  if (value === undefined) throw new Error(`${path}: the program printed a JSON object without "value"`)
  if (value === '') throw new Error(`${path}: the program printed nothing`)
  const { expiresIn, expiresAt } = (object ?? {}) as Pick<Result, 'expiresIn' | 'expiresAt'>
  if (expiresAt !== undefined && expiresIn === undefined) return { value, expiresAt }
  const lifetime = expiresIn ?? defaultExpiresIn
  if (lifetime !== undefined) return { value, expiresIn: lifetime }
  throw new Error(`${path}: the lifetime is unknown: give expiresIn, or print {"value": "…", "expiresIn": 3600}`)
}
