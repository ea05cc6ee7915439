// Builds a backend, which the package does not export, as the package is built: its `dotdog` is the
// one of dist/, so that there is one DogError.
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import esbuild from 'esbuild'

const root = resolve(import.meta.dirname, '../../..')

interface Backends {
  postgres: typeof import('../../../src/postgres/backend.js')
  mysql: typeof import('../../../src/mysql/backend.js')
}

const built: Partial<Backends> = {}

export function buildBackend<E extends keyof Backends>(engine: E): Backends[E] {
  return (built[engine] ??= build(engine))
}

function build<E extends keyof Backends>(engine: E): Backends[E] {
  const outfile = join(root, `test/build/${engine}-backend.cjs`)
  const dotdog = join(root, 'dist/index.js')
  esbuild.buildSync({
    entryPoints: [join(root, `src/${engine}/backend.ts`)],
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
