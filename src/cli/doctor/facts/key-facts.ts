import type { KeyStatus } from 'dotdog'
import { keysOf } from '../../configuration/accounts.js'
import { findAndLoad, openDog } from '../../configuration/session.js'
import { registerKeys } from '../../keys/index.js'
import type { SessionArguments } from '../../lib/arguments.js'

/** With a mode given, the folder's own mode is left as it is: a doctor changes nothing. */
const MODE = 0o600

/** The states of all keys. No module of the user is run, and nothing is fetched. */
export async function keyFacts(args: SessionArguments, env: NodeJS.ProcessEnv): Promise<KeyStatus[]> {
  const configuration = await findAndLoad(args.config, env)
  const { folder } = configuration
  const { module: _, ...data } = configuration.data
  const { dog } = await openDog({ ...configuration, data }, args.dir, env, { mode: MODE })
  await registerKeys(dog, { keys: keysOf(data, data.wechat) }, { folder, env })
  return dog.status()
}
