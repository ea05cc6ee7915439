// Builds dist/: one CommonJS bundle an entry, and the declarations of the sub-paths. The sub-paths import the package by
// its own name, so that its state exists once. `--injected` builds the engine with the injector's steps instead (tests).
// `--if-old` does nothing where dist/ was built from the sources as they are.
const { execFileSync } = require('node:child_process')
const { chmodSync, rmSync, writeFileSync } = require('node:fs')
const { join, relative, resolve, sep } = require('node:path')
const esbuild = require('esbuild')
const { builtHash, sourceHash } = require('./source-hash.js')

const root = resolve(__dirname, '..')
process.chdir(root)

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  packages: 'external',
  minifySyntax: true,
  logLevel: 'warning',
  // import() of a dependency becomes a lazy require(): the ESM loader would cost a small script several milliseconds.
  supported: { 'dynamic-import': false },
}

// require('dotdog') is the default dog itself, so that `dotdog.debug = true` reaches its accessor (esbuild's own export
// object has getters only, and throws in strict code). What Node loads for it is a small file before the engine: `import`
// looks for names through the whole text of a CommonJS file, which takes as long as half a start of Node. The dead assignment
// tells it the names.
const names = [
  ...['init', 'get', 'peek', 'read', 'refresh', 'use', 'set', 'remove', 'forget', 'status', 'on', 'off', 'close', 'debug'],
  ...['createDog', 'memoryStore', 'fileStore', 'DogError', 'isDogError'],
]
const engine = {
  stdin: { contents: "import dotdog from './src/core/index.js'\nmodule.exports = dotdog", resolveDir: root },
  logOverride: { 'commonjs-variable-in-esm': 'silent' },
}
const entry = `module.exports = require('./engine.js');\n0 && (module.exports = { ${names.join(', ')} });\n`

/** Node prints the line that threw above the stack of an uncaught error: one line would be the whole engine. */
const MAX_LINE_COLUMNS = 160

/** What every process parses when it starts. */
const small = { minifyWhitespace: true, minifyIdentifiers: true, lineLimit: MAX_LINE_COLUMNS }

const injector = {
  name: 'injector',
  setup(build) {
    build.onResolve({ filter: /\/failpoint\.js$/ }, () => ({ path: join(root, 'test/processes/injector/failpoint.ts') }))
  },
}

/**
 * Builds the program. What it imports lazily is a file of its own in dist/cli, so that a command parses only what it runs,
 * and the engine and the sub-paths are those of the package.
 */
async function buildProgram() {
  const nameOf = (file) =>
    relative('src/cli', file)
      .replace(/\.[jt]s$/, '')
      .split(sep)
      .join('-')
  const files = new Set([resolve('src/cli/index.ts')])
  const lazy = {
    name: 'lazy',
    setup(build) {
      // By its path, because the search for the package by its name costs a start more than reading it.
      build.onResolve({ filter: /^dotdog(\/|$)/ }, ({ path }) => ({
        path: `..${path.slice('dotdog'.length)}/index.js`,
        external: true,
      }))
      build.onResolve({ filter: /^\.{1,2}\// }, ({ kind, path, resolveDir }) => {
        if (kind !== 'dynamic-import') return undefined
        const file = resolve(resolveDir, path.replace(/\.js$/, '.ts'))
        files.add(file)
        return { path: `./${nameOf(file)}.js`, external: true }
      })
    },
  }
  const define = { DOTDOG_VERSION: JSON.stringify(require('../package.json').version) }
  // The set grows while it is walked.
  for (const file of files) {
    const paths = { entryPoints: [file], outfile: `dist/cli/${nameOf(file)}.js` }
    await esbuild.build({ ...common, ...small, ...paths, define, plugins: [lazy] })
  }
}

async function main() {
  if (process.argv.includes('--injected')) {
    const outfile = 'test/build/injected.cjs'
    await esbuild.build({ ...common, ...engine, outfile, plugins: [injector], minifySyntax: false })
    return
  }
  const hash = sourceHash()
  if (process.argv.includes('--if-old') && builtHash() === hash) return
  rmSync('dist', { recursive: true, force: true })
  await esbuild.build({ ...common, ...engine, outfile: 'dist/engine.js', ...small })
  writeFileSync('dist/index.js', entry)
  const subPaths = ['wechat', 'fetchers', 'testing', 'store-suite', 'redis', 'postgres', 'mysql', 'remote', 'server']
  const entryPoints = [...subPaths.map((name) => `src/${name}/index.ts`), 'src/testing/cli.ts']
  await esbuild.build({ ...common, entryPoints, outbase: 'src', outdir: 'dist' })
  await buildProgram()
  await esbuild.build({ ...common, entryPoints: ['examples/demo/index.ts'], outdir: 'dist/demo' })
  // esbuild keeps the entry's shebang.
  for (const cli of ['dist/testing/cli.js', 'dist/cli/index.js']) chmodSync(cli, 0o755)
  execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'scripts/declarations.json'], {
    stdio: 'inherit',
  })
  // Editors read it. It is in the repository, and a test compares it with the source.
  const schema = execFileSync(process.execPath, ['dist/cli/index.js', 'config', 'schema'])
  writeFileSync('dotdog.schema.json', schema)
  // Last, so that a build that failed half-way is an old one.
  writeFileSync('dist/.source-hash', hash)
}

main().catch((error) => {
  console.error(error.message)
  process.exitCode = 1
})
