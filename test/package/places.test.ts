// The default folder of programs that pm2 runs, that npx runs, and that are installed globally.
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { start, temporary } from '../support/children.js'
import { until } from '../support/timing.js'
import { startUpstream } from '../support/upstream.js'
import { command, install } from './setup.js'

const { consumer: linked, tarball } = await install(t)
const consumer = realpathSync(linked)

/** Each line that a program wrote: its folder, and its value or error. */
const linesOf = (path: string): { dir: string; value: string }[] => {
  try {
    return readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  } catch {
    return []
  }
}

const PROGRAM = `
const upstream = async () => (await fetch(process.env.UPSTREAM)).json()
dotdog.init('TOKEN', upstream)
const report = async () => {
  const value = await dotdog.get('TOKEN').catch(String)
  const [{ dir }] = await dotdog.status()
  require('node:fs').appendFileSync(process.env.REPORT, JSON.stringify({ dir, value }) + '\\n')
}
`

t.test('Programs under pm2, in both modes and both module systems, share the folder of their project', async (t) => {
  const home = realpathSync(temporary((end) => t.teardown(end)))
  writeFileSync(join(home, 'package.json'), '{}')
  await command(home, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', 'pm2')
  const upstream = await startUpstream({ delay: 100 })
  t.teardown(() => upstream.close())
  const REPORT = join(home, 'report')
  const env = { PATH: process.env.PATH, HOME: home, PM2_HOME: join(home, 'pm2'), UPSTREAM: upstream.url, REPORT }
  const cronScript = `const dotdog = require('dotdog')${PROGRAM}report()`
  writeFileSync(join(consumer, 'cron.cjs'), cronScript)
  const stays = `report(); setInterval(() => {}, 1000)`
  const startsChild = `require('node:child_process').fork(${JSON.stringify(join(consumer, 'cron.cjs'))})`
  writeFileSync(join(consumer, 'app.cjs'), `const dotdog = require('dotdog')${PROGRAM}${stays};${startsChild}`)
  const asModule = `import dotdog from 'dotdog'; import { createRequire } from 'node:module'
    const require = createRequire(import.meta.url)`
  writeFileSync(join(consumer, 'app.mjs'), `${asModule}${PROGRAM}${stays}`)

  const pm2 = async (...args: string[]) => {
    const program = [join(home, 'node_modules/pm2/bin/pm2'), ...args]
    await promisify(execFile)(process.execPath, program, { cwd: home, env })
  }
  // The daemon is ended before its folder is removed, whatever happens in between.
  t.teardown(() => pm2('kill').catch(() => {}))
  for (const app of ['app.cjs', 'app.mjs']) {
    await pm2('start', join(consumer, app), '--name', `${app}-fork`)
    await pm2('start', join(consumer, app), '--name', `${app}-cluster`, '-i', '2')
  }
  await start(join(consumer, 'cron.cjs'), env).exited
  // Per module system one in fork mode and two in a cluster; three children; and the cron script.
  await until(() => linesOf(REPORT).length >= 10)
  for (const { dir, value } of linesOf(REPORT))
    t.match({ dir, value }, { dir: join(consumer, '.dog'), value: 'token-1-of-the-upstream' })
  t.equal(upstream.count, 1)
  await pm2('kill')
})

/** Packs a program that depends on dotdog. */
async function packProgram(name: string): Promise<{ folder: string; packed: string }> {
  const folder = realpathSync(temporary((end) => t.teardown(end)))
  const dependency = join(folder, 'dotdog.tgz')
  copyFileSync(tarball, dependency)
  const source = join(folder, 'source')
  mkdirSync(source)
  const manifest = { name, version: '1.0.0', bin: { 'a-tool': 'tool.cjs' }, dependencies: { dotdog: `file:${dependency}` } }
  writeFileSync(join(source, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(source, 'tool.cjs'), `#!/usr/bin/env node\nconst dotdog = require('dotdog')${PROGRAM}report()`)
  await command(source, 'npm', 'pack', '--ignore-scripts', '--pack-destination', folder)
  return { folder, packed: join(folder, `${name.replace('@', '').replace('/', '-')}-1.0.0.tgz`) }
}

for (const kind of ['installed globally', 'run by npx']) {
  t.test(`A program that is ${kind} has one folder for the user's state, in whichever folder it runs`, async (t) => {
    const name = kind === 'run by npx' ? 'a-tool' : '@scope/a-tool'
    const { folder, packed } = await packProgram(name)
    const upstream = await startUpstream()
    t.teardown(() => upstream.close())
    const REPORT = join(folder, 'report')
    const home = join(folder, 'home')
    mkdirSync(home)
    const env = { HOME: home, UPSTREAM: upstream.url, REPORT, XDG_STATE_HOME: undefined }
    const prefix = join(folder, 'prefix')
    const cache = join(folder, 'cache')
    if (kind === 'installed globally') {
      await command(folder, 'npm', 'install', '-g', '--prefix', prefix, '--prefer-offline', '--no-audit', '--no-fund', packed)
    }
    const run =
      kind === 'run by npx' ? `npx --yes --prefer-offline --cache ${cache} --package ${packed} a-tool` : `${prefix}/bin/a-tool`
    for (const place of ['one', 'two']) {
      mkdirSync(join(folder, place))
      writeFileSync(join(folder, place, 'package.json'), '{}')
      const launcher = ['sh', '-c', `unset NODE_OPTIONS; cd ${join(folder, place)} && ${run}`]
      const { code, out, err } = await start('', env, [], launcher).exited
      t.equal(code, 0, out + err)
    }
    const state = process.platform === 'darwin' ? 'Library/Application Support' : '.local/state'
    const dir = join(home, state, 'dotdog', name)
    t.strictSame(
      linesOf(REPORT),
      [1, 2].map(() => ({ dir, value: 'token-1-of-the-upstream' })),
    )
    t.equal(upstream.count, 1)
    if (kind === 'run by npx') return
    const given = join(folder, 'state')
    await start('', { ...env, XDG_STATE_HOME: given }, [], ['sh', '-c', `unset NODE_OPTIONS; ${run}`]).exited
    t.equal(linesOf(REPORT)[2]?.dir, join(given, 'dotdog', name))
  })
}

t.test('A globally installed runner of a project’s code uses the folder of the project', async (t) => {
  const prefix = realpathSync(temporary((end) => t.teardown(end)))
  const runner = join(prefix, 'lib/node_modules/runner')
  mkdirSync(runner, { recursive: true })
  writeFileSync(join(runner, 'run.cjs'), 'require(process.argv[2])')
  writeFileSync(join(consumer, 'spec.cjs'), `console.log(require('dotdog').fileStore().dir)`)
  const { out } = await start(join(runner, 'run.cjs'), {}, [join(consumer, 'spec.cjs')]).exited
  t.equal(out.trim(), join(consumer, '.dog'))
})
