// The same as cold-dotdog with proper-lockfile and write-file-atomic, as their READMEs show them: lock
// with retries, read, fetch if necessary, write, unlock.
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const lockfile = require('proper-lockfile')
const writeFileAtomic = require('write-file-atomic')
const ask = require('./ask.cjs')
const { clock, listen, say } = require('./talk.cjs')

const [dir, port, waits] = process.argv.slice(2)
const file = join(dir, 'token.json')

/**
 * The retries of the lock. Without them all processes but one would fail. `plain`: the library's own
 * waits (1 s, doubling), but at most 1 s, because otherwise 64 processes take minutes. `tuned`: a
 * first wait of 0.1 s.
 */
const WAITS = {
  plain: { forever: true, maxTimeout: 1000, randomize: true },
  tuned: { forever: true, minTimeout: 100, maxTimeout: 1000, randomize: true },
}

/** The value in the file, if there is one that has not expired. */
function read() {
  try {
    const { value, expiresAt } = JSON.parse(readFileSync(file, 'utf8'))
    return Date.now() < expiresAt ? value : undefined
  } catch {
    return undefined
  }
}

async function get() {
  const known = read()
  if (known !== undefined) return known
  // realpath: false, as the file is not there yet.
  const release = await lockfile.lock(file, { realpath: false, retries: WAITS[waits] })
  try {
    const fresh = read()
    if (fresh !== undefined) return fresh
    const { access_token, expires_in } = await ask(port)
    await writeFileAtomic(file, JSON.stringify({ value: access_token, expiresAt: Date.now() + expires_in * 1000 }))
    return access_token
  } finally {
    await release()
  }
}

listen(async () => {
  const value = await get()
  say({ value, at: clock() })
})
say('ready')
