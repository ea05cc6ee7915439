// Runs `run.ts` of a folder of test/long without a test runner. It is bundled first, because Node 20 does
// not run TypeScript.
const { readFileSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')
const esbuild = require('esbuild')

const root = resolve(__dirname, '..')

// Replaces `import.meta.dirname` by each file's own folder. In the bundle it would be the bundle's.
const ownDirname = {
  name: 'own-dirname',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll('import.meta.dirname', JSON.stringify(dirname(path))),
      loader: 'ts',
    }))
  },
}

/** @param {string} name the folder in test/long */
module.exports = function longRun(name) {
  const outfile = join(root, `test/build/${name}.mjs`)
  esbuild
    .build({
      entryPoints: [join(root, `test/long/${name}/run.ts`)],
      outfile,
      bundle: true,
      packages: 'external',
      platform: 'node',
      target: 'node20.19',
      format: 'esm',
      logLevel: 'warning',
      plugins: [ownDirname],
    })
    .then(() => import(pathToFileURL(outfile).href))
    .catch((error) => {
      console.error(error)
      process.exitCode = 1
    })
}
