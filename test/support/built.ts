// Everything in test/ that runs dist/ imports this file first: a test must not pass or fail by a build of other sources.
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'

interface SourceHash {
  sourceHash(root: string): string
  builtHash(root: string): string | undefined
}
const root = resolve(import.meta.dirname, '../..')
const { sourceHash, builtHash }: SourceHash = createRequire(import.meta.url)(join(root, 'scripts/source-hash.js'))

/** Throws unless dist/ was built from the sources as they are now. */
export function assertBuilt(folder: string): void {
  const hash = builtHash(folder)
  if (hash === undefined) throw new Error('dist/ is not built: npm run build')
  if (hash !== sourceHash(folder)) throw new Error('dist/ is older than src/: npm run build')
}

assertBuilt(root)
