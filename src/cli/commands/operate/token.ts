// dotdog token: makes a client's token, and its entry for the configuration.
import { createHash, randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { ExitError } from '../../lib/exit-error.js'

const TOKEN_BYTES = 32
const PLACEHOLDER_KEYS = ['NAME_OF_A_KEY']

const OPTIONS = {
  keys: { type: 'string', multiple: true },
  refresh: { type: 'boolean' },
  proxy: { type: 'boolean' },
} as const

/** The names after `--keys`, which may stand several times and hold commas. */
function keysOf(texts: string[] | undefined): string[] | undefined {
  const keys = texts?.flatMap((text) => text.split(',')).map((key) => key.trim())
  if (keys?.some((key) => key === '')) throw new ExitError(2, '--keys takes names, such as --keys SHOP_ACCESS_TOKEN,SHOP_*')
  return keys
}

export async function token(args: string[]): Promise<void> {
  const { positionals, values } = parseArgs({ args, allowPositionals: true, options: OPTIONS })
  const [name] = positionals
  if (positionals.length !== 1 || name === undefined) throw new ExitError(2, 'dotdog token takes the name of one client')
  if (!/^[\x21-\x7e]{1,64}$/.test(name)) {
    throw new ExitError(2, 'The name of a client must be 1 to 64 visible ASCII characters')
  }
  const keys = keysOf(values.keys)
  const clientToken = randomBytes(TOKEN_BYTES).toString('base64url')
  const tokenSha256 = createHash('sha256').update(clientToken).digest('hex')
  // The least rights: what a client may do beyond reading is asked for by name.
  const entry = {
    ...{ name, tokenSha256, keys: keys ?? PLACEHOLDER_KEYS },
    ...(values.refresh ? { refresh: true } : {}),
    ...(values.proxy ? { proxy: true } : {}),
  }
  const missing = keys === undefined ? '; write into "keys" what the client may read, or give --keys' : ''
  console.error(`Add this entry to "clients" in the configuration${missing}:\n${JSON.stringify(entry, undefined, 2)}`)
  console.log(clientToken)
}
