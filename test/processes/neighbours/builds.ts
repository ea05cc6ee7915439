import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { build, type Plugin } from 'esbuild'
import type { createDog, Dog } from '../../../index.js'
import { DIST_ENTRY } from '../../support/children.js'
import '../../support/built.js'

/** Other copies and other versions of the package. */

type Package = Dog & { createDog: typeof createDog }

const root = resolve(import.meta.dirname, '../../..')

/**
 * Installs a second copy beside the first. Both share the dependencies, which stand in the folder
 * above them, as npm installs them.
 */
export function installCopy(base: string, name: string): { path: string; load(): Package } {
  const path = join(base, name, 'dist')
  mkdirSync(join(base, name), { recursive: true })
  cpSync(dirname(DIST_ENTRY), path, { recursive: true })
  link(base)
  return { path: join(path, 'index.js'), load: () => createRequire(import.meta.url)(join(path, 'index.js')) }
}

function link(base: string): void {
  try {
    symlinkSync(join(root, 'node_modules'), join(base, 'node_modules'), 'dir')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** A future version of dotdog, which writes format 2 and still reads format 1. */
const formatTwo: Plugin = {
  name: 'format 2',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]shared[\\/]format\.ts$/ }, async ({ path }) => {
      const { readFile } = await import('node:fs/promises')
      const now = await readFile(path, 'utf8')
      const contents = now
        .replace('export const FORMAT_VERSION = 1', 'export const FORMAT_VERSION = 2')
        .replace('dotdog === FORMAT_VERSION', '(dotdog === 1 || dotdog === FORMAT_VERSION)')
      if (contents === now.replace('FORMAT_VERSION = 1', 'FORMAT_VERSION = 2'))
        throw new Error('format.ts reads its format in another way now')
      return { contents, loader: 'ts' }
    })
  },
}

export async function buildNextVersion(base: string): Promise<{ path: string; load(): Package }> {
  const path = join(base, 'next/index.js')
  link(base)
  await build({
    entryPoints: [join(root, 'src/core/index.ts')],
    outfile: path,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    packages: 'external',
    supported: { 'dynamic-import': false },
    footer: { js: 'module.exports = module.exports.default' },
    plugins: [formatTwo],
    logLevel: 'warning',
  })
  return { path, load: () => createRequire(import.meta.url)(path) }
}
