// `npm run test:chaos`: the long runs of test/long/chaos, without a test runner. They are bundled first,
// because Node 20 does not run TypeScript. Arguments and environment: see test/long/chaos/run.ts.
const { readFileSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')
const esbuild = require('esbuild')

const root = resolve(__dirname, '..')
const outfile = join(root, 'test/build/chaos.mjs')

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

esbuild
  .build({
    entryPoints: [join(root, 'test/long/chaos/run.ts')],
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
