// dotdog token: a client's token, and what the configuration knows of it.
import { createHash, randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Failure } from '../../lib/exit-error.js'

export async function token(args: string[]): Promise<void> {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} })
  const [name] = positionals
  if (positionals.length !== 1 || name === undefined) throw new Failure(2, 'dotdog token takes the name of one client')
  if (!/^[\x21-\x7e]{1,64}$/.test(name)) throw new Failure(2, 'The name of a client has 1 to 64 visible ASCII characters')
  const secret = randomBytes(32).toString('base64url')
  const tokenSha256 = createHash('sha256').update(secret).digest('hex')
  const entry = { name, tokenSha256, keys: ['*'], refresh: true, proxy: false }
  console.error(`For "clients" in the configuration; narrow "keys" to what it needs:\n${JSON.stringify(entry, undefined, 2)}`)
  console.log(secret)
}
