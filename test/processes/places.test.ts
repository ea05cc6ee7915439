// The default folder: which program this process runs, and what a user is told of an odd place.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { DIST_ENTRY, start } from '../support/children.js'
import { rejectionOf } from '../support/errors.js'
import { readableWorker } from '../support/other-user.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog, fileStore } from '../support/test-dog.js'

const entry = JSON.stringify(DIST_ENTRY)
const PRINT_FOLDER = `console.log(require(${entry}).fileStore().dir)`
const IMPORT = `import { createRequire } from 'node:module'; const require = createRequire(${entry}); `

/** Makes a project with some files, and returns its folder. */
function project(t: Test, files: Record<string, string> = {}): string {
  const folder = join(realpathSync(temporaryFolder(t)), 'project')
  for (const [name, text] of Object.entries({ 'package.json': '{}', ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

/** Runs a shell command with $NODE, and resolves with what it printed. */
async function shell(command: string, env: Record<string, string | undefined> = {}): Promise<string> {
  const { out, err } = await start('', { NODE: process.execPath, ...env }, [], ['sh', '-c', `unset NODE_OPTIONS; ${command}`])
    .exited
  return `${out}${err}`.trim()
}

t.test('A program that is started by its folder, or without its extension, has the folder of its project', async (t) => {
  for (const type of ['commonjs', 'module']) {
    const text = (type === 'module' ? IMPORT : '') + PRINT_FOLDER
    const folder = project(t, {
      'package.json': JSON.stringify({ type, main: 'index.js' }),
      'index.js': text,
      'lib/main.js': text,
    })
    const others = temporaryFolder(t)
    const commands = [
      `cd ${folder} && $NODE .`,
      `cd ${others} && $NODE ${folder}`,
      `cd ${others} && $NODE ${folder}/lib/main.js`,
    ]
    if (type === 'commonjs') commands.push(`cd ${others} && $NODE ${folder}/lib/main`)
    for (const command of commands) t.equal(await shell(command), join(folder, '.dog'), `${type}: ${command}`)
  }
})

t.test('An argument that is no program is not taken for one', async (t) => {
  const other = project(t, { 'script.js': '', 'letter.pdf': '' })
  const folder = project(t, {
    'main.cjs': `const { Worker } = require('node:worker_threads')
      const code = ${JSON.stringify(PRINT_FOLDER)}
      const document = process.env.DOCUMENT
      if (process.env.KIND === 'eval') new Worker(code, { eval: true, argv: [document] })
      else new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(IMPORT + PRINT_FOLDER)})), { argv: [document] })`,
  })
  mkdirSync(join(folder, 'sub'))
  const here = `cd ${folder}/sub && `
  const own = join(folder, '.dog')
  const script = join(other, 'script.js')
  t.equal(await shell(`${here}$NODE -e "$CODE" ${script}`, { CODE: PRINT_FOLDER }), own, 'node -e')
  t.equal(await shell(`${here}$NODE -p "$CODE; ''" ${script}`, { CODE: PRINT_FOLDER }), own, 'node -p')
  t.equal(await shell(`${here}printf %s "$CODE" | $NODE - ${script}`, { CODE: PRINT_FOLDER }), own, 'standard input')
  t.equal(await shell(`${here}$NODE ../main.cjs`, { KIND: 'eval', DOCUMENT: script }), own, 'a worker of code')
  const data = await shell(`${here}$NODE ../main.cjs`, { KIND: 'data', DOCUMENT: join(other, 'letter.pdf') })
  t.equal(data, own, 'a worker of a data: URL')
})

t.test('A document that a packaged Electron app opens is not taken for the program', async (t) => {
  // Electron itself is too large for a test: this process says of itself what Electron does.
  const document = join(project(t, { 'document.js': '' }), 'document.js')
  const text = `Object.defineProperty(process.versions, 'electron', { value: '30.0.0' })
    process.type = 'browser'
    process.argv[1] = ${JSON.stringify(document)}
    ${PRINT_FOLDER}`
  const folder = project(t, { 'app.cjs': text })
  t.equal(await shell(`cd / && $NODE ${folder}/app.cjs`), join(folder, '.dog'))
})

t.test('Only pm2’s own file makes pm_exec_path the program', async (t) => {
  const folder = project(t, { 'app.cjs': '', 'child.cjs': PRINT_FOLDER })
  const other = project(t, { 'node_modules/pm2/lib/ProcessContainerFork.js': PRINT_FOLDER })
  const container = join(other, 'node_modules/pm2/lib/ProcessContainerFork.js')
  const env = { pm_exec_path: join(folder, 'app.cjs') }
  t.equal(await shell(`cd / && $NODE ${container}`, env), join(folder, '.dog'))
  const child = project(t, { 'child.cjs': PRINT_FOLDER })
  t.equal(await shell(`cd / && $NODE ${child}/child.cjs`, env), join(child, '.dog'), 'a child inherits the variable')
})

t.test('A .dog folder above the releases of a program is the folder of each of them', async (t) => {
  const app = project(t)
  rmSync(join(app, 'package.json'))
  for (const release of ['1', '2']) {
    mkdirSync(join(app, 'releases', release), { recursive: true })
    writeFileSync(join(app, 'releases', release, 'package.json'), '{}')
    writeFileSync(join(app, 'releases', release, 'main.cjs'), PRINT_FOLDER)
  }
  mkdirSync(join(app, '.dog'))
  for (const release of ['1', '2']) {
    symlinkSync(join(app, 'releases', release), join(app, 'current'))
    t.equal(await shell(`cd ${app}/current && $NODE main.cjs`), join(app, '.dog'))
    rmSync(join(app, 'current'))
  }
})

t.test('A user without HOME and without a passwd entry gets a folder', { skip: process.getuid?.() !== 0 }, async (t) => {
  const { script, remove } = readableWorker()
  t.teardown(remove)
  const readable = join(dirname(script), '../../..')
  // Without a passwd entry, the search for a .dog has no home folder to end at.
  const code = `console.log(require('${readable}/dist/index.js').fileStore().dir)`
  writeFileSync(join(readable, 'main.cjs'), code)
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dotdog-homeless-')))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'package.json'), '{}')
  chmodSync(folder, 0o755)
  const run = (command: string) => shell(`unset HOME; cd ${folder} && exec setpriv --reuid 54321 --clear-groups ${command}`)
  t.equal(await run('$NODE -e "require(\'os\').homedir()" 2>&1 | grep -c SystemError'), '1', 'there is no home folder')
  t.equal(
    await run(`$NODE ${readable}/main.cjs`),
    join(readable, '.dog').replace(readable, folder),
    'no package.json at the program',
  )
  t.equal(await run(`$NODE -e "${code}"`), join(folder, '.dog'))
  t.match(await run(`env DOTDOG_DIR='~/x' $NODE ${readable}/main.cjs`), /TypeError: DOTDOG_DIR begins with ~/)
})

t.test('In a working folder that was removed, an absolute folder works, and no folder is an error that says so', async (t) => {
  const script = join(temporaryFolder(t), 'main.cjs')
  writeFileSync(
    script,
    `const { DIR: dir } = process.env
    const dotdog = require(${entry})
    try {
      dotdog.init('K', async () => ({ value: 'fetched', expiresIn: 60 }), dir ? { dir } : {}).get().then(console.log, console.error)
    } catch (error) {
      console.log(error.code, error.message)
    }`,
  )
  const gone = `mkdir -p ${script}-gone && cd ${script}-gone && rmdir ${script}-gone && exec $NODE ${script}`
  t.equal(await shell(gone, { DIR: join(dirname(script), 'a') }), 'fetched')
  t.equal(await shell(gone, { DOTDOG_DIR: join(dirname(script), 'b') }), 'fetched')
  t.match(await shell(gone), /^ERR_DOG_STORE .*the working folder was removed: give an absolute dir, or set DOTDOG_DIR$/)
})

t.test('A leading ~/ is the home folder, and what only a shell understands is refused', async (t) => {
  const home = realpathSync(temporaryFolder(t))
  const folder = project(t, { 'main.cjs': PRINT_FOLDER })
  const run = (dir: string) => shell(`cd ${folder} && $NODE main.cjs`, { HOME: home, DOTDOG_DIR: dir })
  t.equal(await run('~/secrets'), join(home, 'secrets'))
  t.equal(await run('~'), home)
  for (const dir of ['~bob/x', '$HOME/.dog', '%HOME%/x'])
    t.match(await run(dir), /TypeError: DOTDOG_DIR must be a path, which no shell/)
  t.same(readdirSync(folder).sort(), ['main.cjs', 'package.json'], 'no folder is called ~')
  const dog = createDog()
  t.throws(() => dog.init('K', () => {}, { dir: '~bob/x' }), { message: /^dir must be a path/ })
  t.throws(() => createDog({ dir: '$HOME/x' }), { message: /^dir must be a path/ })
  t.equal(fileStore({ dir: '~/x' }).dir, join(process.env.HOME!, 'x'))
})

t.test('A folder that everybody may write advises a subfolder, unless it is dotdog’s own', async (t) => {
  const advice = async (dir: string) => (await rejectionOf(fileStore({ dir }).acquire('K', 1) as Promise<unknown>)).message
  const shared = temporaryFolder(t)
  chmodSync(shared, 0o1777)
  const subfolder = new RegExp(`everybody: use a folder of your own in it, such as ${join(shared, '.dog')}$`)
  t.match(await advice(shared), subfolder)
  chmodSync(shared, 0o777)
  writeFileSync(join(shared, 'a file'), '')
  t.match(await advice(shared), subfolder)
  const own = join(temporaryFolder(t), '.dog')
  mkdirSync(own)
  writeFileSync(join(own, 'K.dog'), '')
  chmodSync(own, 0o777)
  t.match(await advice(own), /chmod o-w/)
})

t.test('A folder in a cache, or outside the project that is asked, is a warning once', async (t) => {
  const text = `const dotdog = require(${entry})
    dotdog.on('warning', ({ code, message }) => console.log(code, message))
    dotdog.init('K', async () => ({ value: 'v', expiresIn: 60 }))
    dotdog.get('K').then(() => dotdog.refresh('K')).then(() => console.log('done'))`
  const folder = project(t, { 'main.cjs': text })
  const cached = project(t, { '.cache/tool/package.json': '{}', '.cache/tool/main.cjs': text })
  const asked = project(t, { 'src/x': '' })
  const warned = await shell(`cd ${asked}/src && $NODE ${folder}/main.cjs`)
  t.match(warned.split('\n'), [/^ERR_DOG_STORE .*is outside .*: set DOTDOG_DIR, or give a dir$/, 'done'])
  t.ok(warned.includes(`${folder}/.dog belongs to the program ${folder}/main.cjs, and is outside ${asked}:`), warned)
  t.match(
    await shell(`cd / && $NODE ${cached}/.cache/tool/main.cjs`),
    /lies in a cache, which is emptied at times: set DOTDOG_DIR.*\ndone$/,
  )
  for (const here of ['/', folder, join(folder, '.dog')])
    t.equal(await shell(`cd ${here} && $NODE ${folder}/main.cjs`), 'done', here)
  t.equal(
    await shell(`cd ${asked} && $NODE ${folder}/main.cjs`, { DOTDOG_DIR: join(folder, 'x') }),
    'done',
    'where it was named',
  )
})
