import type { EncryptionKey } from 'dotdog'
import { resolveSecret, type SecretReference } from '../keys/secret.js'
import { ExitError } from '../lib/exit-error.js'
import type { Configuration } from './file/configuration.js'

/** Secrets that are needed before anything is fetched. */

/** A command that prints a secret may ask a person. */
const SECRET_TIMEOUT_MS = 60_000

/** @throws ExitError (code 2) for a secret that is not there. */
export const secretOf = (
  path: string,
  reference: SecretReference,
  { folder }: Configuration,
  env: NodeJS.ProcessEnv,
): Promise<string> =>
  resolveSecret(path, reference, { folder, env }, AbortSignal.timeout(SECRET_TIMEOUT_MS)).catch((error: Error) => {
    throw new ExitError(2, error.message)
  })

/** The keys that encrypt values: the first writes, all read. */
export async function encryptionKeysOf(
  configuration: Configuration,
  env: NodeJS.ProcessEnv,
): Promise<EncryptionKey[] | undefined> {
  const { encryptionKey } = configuration.data
  if (encryptionKey === undefined) return undefined
  const references = Array.isArray(encryptionKey) ? encryptionKey : [encryptionKey]
  return Promise.all(references.map((reference) => secretOf('encryptionKey', reference, configuration, env)))
}
