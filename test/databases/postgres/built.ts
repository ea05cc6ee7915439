// The backend, which the package does not export, built as the package is: it knows dotdog by the built file.
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import esbuild from 'esbuild'
import '../../support/built.js'

const root = resolve(import.meta.dirname, '../../..')

type Backend = typeof import('../../../src/postgres/backend.js')

export function buildBackend(): Backend {
  const outfile = join(root, 'test/build/postgres-backend.cjs')
  const dotdog = join(root, 'dist/index.js')
  esbuild.buildSync({
    entryPoints: [join(root, 'src/postgres/backend.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
    alias: { dotdog },
    external: [dotdog],
  })
  return createRequire(import.meta.url)(outfile)
}
