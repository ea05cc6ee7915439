import t from 'tap'
import { command, pack, tool } from './setup.js'

/** A part of the program that one of its commands loads: a file of src/cli. */
const LAZY_PART = /^dist\/cli\/(commands|configuration|credentials|doctor|files|keys|lib)-[a-z-]+\.js$/

t.test('The tarball contains the build, index.d.ts and the documents, and nothing else', async (t) => {
  const { files } = await pack(t)
  t.same(
    files.filter((path) => !path.startsWith('dist/')),
    ['CHANGELOG.md', 'LICENSE', 'README.md', 'dotdog.schema.json', 'events.d.ts', 'index.d.ts', 'package.json', 'store.d.ts'],
  )
  const built = files.filter((path) => path.startsWith('dist/'))
  t.same(
    built.filter((path) => !path.endsWith('.d.ts') && !LAZY_PART.test(path)),
    [
      'dist/cli/index.js',
      'dist/engine.js',
      'dist/fetchers/index.js',
      'dist/index.js',
      'dist/mysql/index.js',
      'dist/postgres/index.js',
      'dist/redis/index.js',
      'dist/remote/index.js',
      'dist/server/index.js',
      'dist/store-suite/index.js',
      'dist/testing/cli.js',
      'dist/testing/index.js',
      'dist/wechat/index.js',
    ],
    'one bundle for each entry, and the small index.js that names the exports of the engine',
  )
  const unexpected = built.filter(
    (path) =>
      path.endsWith('.d.ts') &&
      !/^dist\/(core\/shared|database|fetchers|mysql|postgres|redis|remote|server|store-suite|testing|wechat)(\/[a-z0-9-]+){1,2}\.d\.ts$/.test(
        path,
      ),
  )
  t.same(unexpected, [], 'only the declarations of the sub-paths')
})

t.test('publint --strict finds no problem', async (t) => {
  const { dir, tarball } = await pack(t)
  t.match(await command(dir, tool('publint'), 'run', '--strict', tarball), /All good/)
})

// node10 resolution ignores "exports", so it does not find the sub-paths. The oldest supported Node is 20.
t.test('are-the-types-wrong finds no problem for node16 and bundlers', async (t) => {
  const { dir, tarball } = await pack(t)
  await t.resolves(command(dir, tool('attw'), tarball, '--profile', 'node16', '--no-emoji', '--no-color'))
})
