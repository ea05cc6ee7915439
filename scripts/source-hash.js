// One hash over everything that dist/ is built from. `scripts/build.js` stores it in dist/.source-hash (which is not
// published); tests that run dist/ compare it with the sources as they are now.
const { createHash } = require('node:crypto')
const { readdirSync, readFileSync } = require('node:fs')
const { join, resolve } = require('node:path')

const INPUTS = ['src', 'examples/demo', 'index.d.ts', 'scripts/build.js', 'scripts/declarations.json']

/** The files below a path, as paths from the root. A path that does not exist has none. */
function filesBelow(root, path) {
  let entries
  try {
    entries = readdirSync(join(root, path), { withFileTypes: true })
  } catch (error) {
    if (error.code === 'ENOTDIR') return [path]
    if (error.code === 'ENOENT') return []
    throw error
  }
  return entries.flatMap((entry) => filesBelow(root, `${path}/${entry.name}`))
}

function sourceHash(root = resolve(__dirname, '..')) {
  const hash = createHash('sha256')
  for (const file of INPUTS.flatMap((path) => filesBelow(root, path)).sort()) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0')
  }
  return hash.digest('hex')
}

/** The hash that dist/ was built from; undefined where nothing is built. */
function builtHash(root = resolve(__dirname, '..')) {
  try {
    return readFileSync(join(root, 'dist/.source-hash'), 'utf8')
  } catch {
    return undefined
  }
}

module.exports = { sourceHash, builtHash }
