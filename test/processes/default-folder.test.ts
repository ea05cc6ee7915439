import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DIST_ENTRY, start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'

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
