// A dog in memory whose keys come from a configuration, as the program has them.
import { createRequire } from 'node:module'
import type { Test } from 'tap'
import type { Dog } from '../../../index.js'
import { loadBundled } from '../../support/bundled.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const require = createRequire(import.meta.url)
const { createDog, memoryStore }: typeof import('../../../index.js') = require('../../../dist/index.js')
export const { registerKeys, resolveSecret } =
  await loadBundled<typeof import('../../../src/cli/keys/index.js')>('src/cli/keys/index.ts')

export interface Configured {
  dog: Dog
  names: string[]
  folder: string
}

export async function configure(
  t: Test,
  keys: Record<string, unknown>,
  { env = {}, folder = temporaryFolder(t), only }: { env?: NodeJS.ProcessEnv; folder?: string; only?: string[] } = {},
): Promise<Configured> {
  const dog = createDog({ store: memoryStore() })
  t.teardown(() => dog.close())
  const { PATH, HOME } = process.env
  const names = await registerKeys(dog, { keys }, { folder, env: { PATH, HOME, ...env }, only })
  return { dog, names, folder }
}

/** The message of a configuration that is refused. */
export async function refusalOf(t: Test, keys: Record<string, unknown>): Promise<string> {
  try {
    await configure(t, keys)
  } catch (error) {
    t.type(error, TypeError)
    return (error as Error).message
  }
  throw new Error('was not refused')
}
