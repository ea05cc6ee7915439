// Builds the backend, which the package does not export, as the package is built: its `dotdog` is
// the one of dist/, so that there is one DogError.
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import esbuild from 'esbuild'

const root = resolve(import.meta.dirname, '../../..')

type Backend = typeof import('../../../src/postgres/backend.js')

let backend: Backend | undefined

export function buildBackend(): Backend {
  return (backend ??= build())
}

function build(): Backend {
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
