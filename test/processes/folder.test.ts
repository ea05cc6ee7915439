// The folder of a file store: where it is, how it is created, and how it is watched.
import { mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DIST_ENTRY, start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

/**
 * A runner inside node_modules is the main script of a program. The default folder once was that of
 * the runner's package, or the one above the project.
 */

const SCRIPT = `console.log(require(${JSON.stringify(DIST_ENTRY)}).fileStore().dir)`

t.test('For a main script inside node_modules, the default folder is the .dog of the project', async (t) => {
  const project = join(realpathSync(temporaryFolder(t)), 'project')
  const runner = join(project, 'node_modules/@scope/runner')
  mkdirSync(join(runner, 'bin'), { recursive: true })
  for (const dir of [project, runner]) writeFileSync(join(dir, 'package.json'), '{}')
  const scripts = [join(project, 'main.cjs'), join(runner, 'bin/run.cjs')]
  const run = async (script: string) => {
    writeFileSync(script, SCRIPT)
    const { out, err } = await start(script, {}).exited
    return out.trim() || err
  }
  for (const script of scripts) t.equal(await run(script), join(project, '.dog'), 'beside its package.json')
  mkdirSync(join(project, '.dog'))
  mkdirSync(join(runner, '.dog'))
  for (const script of scripts) t.equal(await run(script), join(project, '.dog'), 'where it is already')
})

t.test('A new folder gets its .gitignore even if another process uses it before it is complete', async (t) => {
  const dir = join(temporaryFolder(t), '.dog')
  const other = join(dir, '..', 'other.cjs')
  writeFileSync(
    other,
    `require(${JSON.stringify(DIST_ENTRY)}).createDog({ dir: ${JSON.stringify(dir)} }).set('B', 'v', { expiresIn: 60 })`,
  )
  const script = join(dir, '..', 'first.cjs')
  writeFileSync(
    script,
    `const fs = require('node:fs')
    const real = fs.mkdirSync
    fs.mkdirSync = (path, options) => {
      fs.mkdirSync = real
      const made = real(path, options)
      require('node:child_process').spawnSync(process.execPath, [${JSON.stringify(other)}], { stdio: 'inherit' })
      return made
    }
    require(${JSON.stringify(DIST_ENTRY)}).createDog({ dir: ${JSON.stringify(dir)} }).set('A', 'v', { expiresIn: 60 })`,
  )
  t.match(await start(script, {}).exited, { code: 0, err: '' })
  t.strictSame(readdirSync(dir).sort(), ['.gitignore', '.lock', '.state', 'A.dog', 'B.dog'])
})

/**
 * A watcher of the system ends with its folder, or by an error, which no code of the user could
 * catch.
 */
t.test('Change events continue in a folder that was removed and created again', async (t) => {
  const dir = join(temporaryFolder(t), 'shared')
  const [writer, listener] = [createDog({ dir }), createDog({ dir })]
  t.teardown(() => Promise.all([writer.close(), listener.close()]))
  let events = 0
  await writer.set('K', 'v', { expiresIn: 60 })
  listener.on('change', () => events++)
  const isNotified = async () => {
    for (let round = 0; round < 40; round++) {
      events = 0
      await writer.set('K', `${round}`, { expiresIn: 60 })
      await pause(150)
      if (events > 0) return true
    }
    return false
  }
  t.ok(await isNotified())
  for (let times = 0; times < 2; times++) {
    rmSync(dir, { recursive: true })
    await pause(100)
    t.ok(await isNotified(), 'also in the new folder')
  }
})

t.test('An error of the system watcher becomes a warning, and does not end the process', async (t) => {
  const { answered, exited } = start(join(import.meta.dirname, 'fixtures/watcher-error.cjs'), { DIR: temporaryFolder(t) })
  const { warnings, watchers } = (await answered) as unknown as { warnings: string[]; watchers: number }
  t.ok(watchers > 0)
  t.equal(warnings.length, 1)
  t.match(warnings[0], /cannot be watched/)
  t.match(await exited, { code: 0, err: '' })
})
