// `npm run test:chaos`: the long forms of test/chaos, without a test runner. Node runs no TypeScript, so it is built first.
const { readFileSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')
const esbuild = require('esbuild')

const root = resolve(__dirname, '..')
const outfile = join(root, 'test/build/chaos.mjs')

// In the bundle a file's own folder would be the bundle's.
const whereabouts = {
  name: 'whereabouts',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll('import.meta.dirname', JSON.stringify(dirname(path))),
      loader: 'ts',
    }))
  },
}

esbuild
  .build({
    ...{ entryPoints: [join(root, 'test/long/chaos/run.ts')], outfile, bundle: true, packages: 'external' },
    ...{ platform: 'node', target: 'node20.19', format: 'esm', logLevel: 'warning', plugins: [whereabouts] },
  })
  .then(() => import(pathToFileURL(outfile).href))
  .catch((error) => {
    console.error(error)
    process.exitCode = 1
  })
