// Node's permission model: what was granted works, and what is missing is named.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { type Child, DIST_ENTRY, fixture, start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { startUpstream } from '../support/upstream.js'

/**
 * The permission model disables fsync and fchmod, and hides /proc unless it is granted. A denial once
 * read "it belongs to root (ERR_ACCESS_DENIED)".
 */

/** Further versions of Node to try: paths of their programs. */
const PROGRAMS = [process.execPath, ...(process.env.DOTDOG_TEST_NODES ?? '').split(':').filter(Boolean)]

const ROOT = resolve(import.meta.dirname, '../..')
const CODE = [ROOT, realpathSync(join(ROOT, 'node_modules'))]

interface Grants {
  read: string[]
  write: string[]
}

/** The arguments of Node for these grants. The network is not the matter here. */
function flagsOf(node: string, { read, write }: Grants): string[] {
  const major = Number(/^v(\d+)/.exec(execFileSync(node, ['-v'], { encoding: 'utf8' }))![1])
  return [
    major < 22 ? '--experimental-permission' : '--permission',
    ...(major >= 25 ? ['--allow-net'] : []),
    ...read.map((path) => `--allow-fs-read=${path}`),
    ...write.map((path) => `--allow-fs-write=${path}`),
  ]
}

/** Runs Node ($0) with the flags in FLAGS and the script ($2) that `start` names, in FOLDER. */
const RUN = 'unset NODE_OPTIONS; cd "$FOLDER" && set -f && exec "$0" $FLAGS --no-warnings "$2"'

/** Starts a getter under the permission model. */
const getter = (node: string, grants: Grants, env: Record<string, string>): Child =>
  start(fixture('getter.cjs'), { ...env, FLAGS: flagsOf(node, grants).join(' ') }, [], ['sh', '-c', RUN, node])

async function setUp(t: Test) {
  const folder = realpathSync(temporaryFolder(t))
  const upstream = await startUpstream({ delay: 300 })
  t.teardown(() => upstream.close())
  return { folder, dir: join(folder, '.dog'), upstream }
}

for (const node of PROGRAMS) {
  for (const proc of [true, false]) {
    const title = proc ? 'everything readable' : '/proc hidden'
    t.test(`Two processes under the permission model, with ${title}, make one fetch (${node})`, async (t) => {
      const { folder, dir, upstream } = await setUp(t)
      const read = proc ? ['*'] : [...CODE, folder].map((path) => `${path}/*`)
      const grants = { read, write: [`${dir}/*`] }
      const env = { FOLDER: folder, DIR: dir, URL: upstream.url }
      const answers = await Promise.all([1, 2].map(() => getter(node, grants, env).answered))
      for (const answer of answers) t.match(answer, { value: 'token-1', warnings: [] })
      t.equal(upstream.count, 1)
      t.equal(statSync(join(dir, 'TOKEN.dog')).mode & 0o777, 0o600)
      t.equal(JSON.parse(readFileSync(join(dir, 'TOKEN.dog'), 'utf8')).value, 'token-1-of-the-upstream')
      const later = await getter(node, grants, { ...env, REFRESH_OPTIONS: '{}' }).answered
      t.match(later, { value: 'token-2', warnings: [] })
    })
  }

  t.test(`The folder of a program is granted as .dog/*, and is found without a dir (${node})`, async (t) => {
    const { folder } = await setUp(t)
    writeFileSync(join(folder, 'package.json'), '{}')
    writeFileSync(
      join(folder, 'main.cjs'),
      `const dotdog = require(${JSON.stringify(DIST_ENTRY)})
      const secret = dotdog.init('TOKEN', async () => ({ value: 'v', expiresIn: 60 }))
      secret.get().then(async (value) => console.log(JSON.stringify({ value, existed: await secret.remove() })), console.error)`,
    )
    const read = [...CODE, folder].map((path) => `${path}/*`)
    const FLAGS = flagsOf(node, { read, write: ['.dog/*'] }).join(' ')
    const { out, err } = await start('main.cjs', { FOLDER: folder, FLAGS }, [], ['sh', '-c', RUN, node]).exited
    t.equal(err, '')
    t.strictSame(JSON.parse(out), { value: 'v', existed: true })
    t.ok(statSync(join(folder, '.dog')).isDirectory())
  })

  t.test(`A missing grant is an error that names the flag and the folder, not an owner (${node})`, async (t) => {
    const { folder, dir, upstream } = await setUp(t)
    const env = { FOLDER: folder, DIR: dir, URL: upstream.url }
    const code = CODE.map((path) => `${path}/*`)
    const readable = [...code, `${folder}/*`]
    const cases: [Grants, string][] = [
      [{ read: readable, write: [] }, `--allow-fs-write=${dir}/*`],
      [{ read: code, write: [`${dir}/*`] }, `--allow-fs-read=${dir}/*`],
      [{ read: code, write: [] }, `--allow-fs-read=${dir}/* --allow-fs-write=${dir}/*`],
    ]
    for (const exists of [false, true]) {
      if (exists) mkdirSync(dir, { mode: 0o700 })
      for (const [grants, advice] of cases) {
        const { error, message } = await getter(node, grants, env).answered
        t.equal(error, 'ERR_DOG_STORE')
        t.match(message, /ERR_ACCESS_DENIED/)
        t.ok(message?.endsWith(`: Node's permission model forbids it: start node with ${advice}`), message!)
        t.notMatch(message, /belongs to/)
      }
    }
    t.equal(upstream.count, 0, 'no fetch was spent')
    rmSync(dir, { recursive: true })
    t.equal(dirname(dir), folder)
  })
}
