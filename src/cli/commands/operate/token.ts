// dotdog token: makes a client's token, and its entry for the configuration.
import { createHash, randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { ExitError } from '../../lib/exit-error.js'

const TOKEN_BYTES = 32

export async function token(args: string[]): Promise<void> {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} })
  const [name] = positionals
  if (positionals.length !== 1 || name === undefined) throw new ExitError(2, 'dotdog token takes the name of one client')
  if (!/^[\x21-\x7e]{1,64}$/.test(name)) {
    throw new ExitError(2, 'The name of a client must be 1 to 64 visible ASCII characters')
  }
  const clientToken = randomBytes(TOKEN_BYTES).toString('base64url')
  const tokenSha256 = createHash('sha256').update(clientToken).digest('hex')
  const entry = { name, tokenSha256, keys: ['*'], refresh: true, proxy: false }
  const json = JSON.stringify(entry, undefined, 2)
  console.error(`Add this entry to "clients" in the configuration; narrow "keys" to what the client needs:\n${json}`)
  console.log(clientToken)
}
