// Secrets of a configuration. They stand in the environment, in files, or come from a command, and
// never in the text of the configuration, which is copied, mailed and committed. They are resolved
// when a fetch needs them, so that a command that only reads needs none of them.
import { type FileHandle, open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { DogError } from 'dotdog'
import { checkMembers, OBJECT, type Rules, SECRET_TEXT } from '../../core/shared/validate.js'
import { COMMAND, ENVIRONMENT, runCommand } from './run-command.js'

/** Where a secret is. A relative path of a file starts from the configuration's folder. */
export type SecretReference =
  | { env: string }
  | { file: string }
  | { command: readonly string[]; environment?: Readonly<Record<string, string>> }

/** What a reference of the configuration is resolved with. */
export interface SecretContext {
  /** The configuration's folder: relative paths start there, and commands run there. */
  folder: string
  env: NodeJS.ProcessEnv
}

/** A larger file is no secret. */
const MAX_SECRET_BYTES = 1_000_000
/** Others may read, write or execute, or the group may write. */
const OPEN_MODE_BITS = 0o027

const RULES: Rules = { env: SECRET_TEXT, file: SECRET_TEXT, command: COMMAND, environment: ENVIRONMENT }
const SHAPES = '{"env": "NAME"}, {"file": "path"} or {"command": ["program", "argument"]}'

/** Whether a value of the configuration has the shape of a reference, rather than of a text. */
export function isSecretReference(value: unknown): value is SecretReference {
  if (!OBJECT.test(value as never)) return false
  const names = Object.keys(value as object)
  return names.length > 0 && names.every((name) => Object.hasOwn(RULES, name)) && !names.every((name) => name === 'environment')
}

/**
 * Checks a reference without resolving it.
 *
 * @param path where the reference stands in the configuration, for messages
 * @throws TypeError that shows nothing of the value: it may be the secret itself.
 */
export function checkSecret(path: string, reference: unknown): asserts reference is SecretReference {
  if (typeof reference === 'string') {
    throw new TypeError(`${path} must be ${SHAPES}, and not the secret itself: a configuration is copied and committed`)
  }
  if (!OBJECT.test(reference as never)) throw new TypeError(`${path} must be ${SHAPES}`)
  const { env, file, command, environment } = checkMembers<Record<string, unknown>>(path, reference, RULES)
  const sources = [env, file, command].filter((source) => source !== undefined)
  if (sources.length !== 1) throw new TypeError(`${path} must be exactly one of ${SHAPES}`)
  if (environment !== undefined && command === undefined) throw new TypeError(`${path}.environment belongs to a command`)
}

/**
 * Gets a secret from where the reference says. Line breaks at its end are dropped.
 *
 * @param path where the reference stands in the configuration, for messages
 * @throws DogError `ERR_DOG_NO_FETCHER` if the secret cannot be had here. Other processes may have
 * it, so that the failure is not recorded for all of them.
 */
export async function resolveSecret(
  path: string,
  reference: SecretReference,
  { folder, env }: SecretContext,
  signal: AbortSignal,
): Promise<string> {
  checkSecret(path, reference)
  let secret: string
  if ('env' in reference) {
    secret = env[reference.env] ?? fail(path, `the environment has no ${reference.env}`)
  } else if ('file' in reference) {
    secret = await readSecretFile(path, resolve(folder, reference.file))
  } else {
    const { command, environment = {} } = reference
    secret = await runCommand({ command, environment, folder, env, signal }).catch((error: Error) => fail(path, error.message))
  }
  secret = secret.replace(/[\r\n]+$/, '')
  return secret === '' ? fail(path, 'the secret is empty') : secret
}

async function readSecretFile(path: string, file: string): Promise<string> {
  let handle: FileHandle | undefined
  try {
    handle = await open(file)
    const { mode, uid, size } = await handle.stat()
    // As ssh does with a private key: what is ours to tighten must be tight. A file of root, such as
    // a secret that a container mounts, is the administrator's decision.
    if (uid === process.getuid?.() && (mode & OPEN_MODE_BITS) !== 0 && (await isOnWritableDisk(file))) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0')
      fail(path, `other users may use the file ${file} (its mode is ${octal}): chmod 600 it`)
    }
    if (size > MAX_SECRET_BYTES) fail(path, `the file ${file} is larger than ${MAX_SECRET_BYTES} bytes`)
    return await handle.readFile('utf8')
  } catch (error) {
    if (error instanceof DogError) throw error
    return fail(path, `the file ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  } finally {
    await handle?.close()
  }
}

/** A container mounts its secrets read-only, so that nobody in it can change their mode. */
async function isOnWritableDisk(file: string): Promise<boolean> {
  const { access, constants } = await import('node:fs/promises')
  return access(file, constants.W_OK).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'EROFS',
  )
}

function fail(path: string, problem: string): never {
  throw new DogError('ERR_DOG_NO_FETCHER', `${path}: ${problem}`)
}
