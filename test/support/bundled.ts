import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import './built.js'

/**
 * Parts of the program in a test. They are no entry of the package, and import it by its name, which
 * only files of the package can. So they are bundled as the program is, and loaded as one of its files.
 */

const ROOT = resolve(import.meta.dirname, '../..')

/** @param path of a source file, from the root: `src/cli/keys/index.ts` */
export async function loadBundled<T>(path: string): Promise<T> {
  const result = await build({
    entryPoints: [join(ROOT, path)],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
    write: false,
    logLevel: 'warning',
    supported: { 'dynamic-import': false },
  })
  const file = join(ROOT, 'dist', 'test-bundle.js')
  const loaded = { exports: {} }
  const run = new Function('module', 'exports', 'require', '__filename', '__dirname', result.outputFiles[0]!.text)
  run(loaded, loaded.exports, createRequire(file), file, join(ROOT, 'dist'))
  return loaded.exports as T
}
