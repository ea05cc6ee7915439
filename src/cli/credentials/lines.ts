// The forms that are lines of text: a header, a variable of the environment, an entry of a netrc.
import { type Credential, DEFAULT_USER, lineOf } from './credential.js'

/** For `curl -H "$(…)"` or `-H @-` (RFC 6750). */
export const headerForm = ({ key, value }: Credential): string => `Authorization: Bearer ${lineOf(key, value)}\n`

/** For `eval`, `env` and files that a shell reads: `API='…'`. A plain value is not quoted: `docker --env-file` takes quotes as they are. */
export function envForm({ key, value }: Credential): string {
  const line = lineOf(key, value)
  const quoted = /^[\w@%+=:,./-]+$/.test(line) ? line : `'${line.replaceAll("'", "'\\''")}'`
  return `${variableOf(key)}=${quoted}\n`
}

/** A key as the name of a variable. */
const variableOf = (key: string): string =>
  key
    .toUpperCase()
    .replace(/[^A-Z0-9_]/g, '_')
    .replace(/^(?=\d)/, '_')

/** For `curl --netrc-file` and others that read a netrc. An entry without a machine would be sent to every host. */
export function netrcForm({ key, value, host, user }: Credential): string {
  if (host === undefined) throw new TypeError('netrc needs --host: without it the value would be sent to every host')
  if (!/^[\w.:[\]-]+$/.test(host)) throw new TypeError('--host must be the name of a host')
  const login = netrcToken(lineOf('--user', user ?? DEFAULT_USER))
  return `machine ${host}\nlogin ${login}\npassword ${netrcToken(lineOf(key, value))}\n`
}

/** curl since 7.84 reads a token in double quotes. Other programs know no quotes, so they are used only where they must be. */
const netrcToken = (text: string): string => (/^[^\s"\\#]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`)
