import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/timing.js'
import { examine, type JsonFinding, project, store } from './doctor-setup.js'
import { built, program, start } from './setup.js'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? false : 'needs root'

t.test('A folder or file of another user is serious, with its owner and what mends it', { skip: needsRoot }, async (t) => {
  const { cwd, dir } = project(t, { keys: {} })
  await store(t, dir)
  chownSync(join(dir, 'K.dog'), NOBODY, NOBODY)
  const file = await examine(t, [], { cwd })
  t.equal(file.code, 1)
  t.match(file.of('access'), [
    { level: 'serious', what: /uid 65534, and we are 0: .*K\.dog/, mend: /chown -R 0 /, paths: [join(dir, 'K.dog')] },
  ])
  chownSync(dir, NOBODY, NOBODY)
  const folder = await examine(t, [], { cwd })
  t.match(folder.of('access')[0], { level: 'serious', paths: [dir] })
})

t.test('Another user is told that a record is of root, and by whom it can be read', { skip: needsRoot }, async (t) => {
  const root = temporaryFolder(t)
  cpSync(dirname(built), join(root, 'dist'), { recursive: true })
  const { cwd, dir } = project(t)
  await store(t, dir)
  chmodSync(dirname(cwd), 0o755)
  for (const path of [root, dir]) chmodSync(path, 0o755)
  // Another user may not be able to read what a test runner preloads.
  const node = ['env', '-u', 'NODE_OPTIONS', process.execPath]
  const args = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups', ...node]
  const { status, stdout } = spawnSync(
    'setpriv',
    [...args, join(root, 'dist/cli/index.js'), 'doctor', '--json', '--dir', dir],
    {
      cwd,
      env: { PATH: process.env.PATH },
      encoding: 'utf8',
    },
  )
  t.equal(status, 1)
  const findings = JSON.parse(stdout).findings as JsonFinding[]
  t.match(
    findings.filter(({ check, level }) => check === 'access' && level === 'serious'),
    [{ what: /belongs to uid 0, and we are 65534/, why: /root ran the program once/, mend: /chown -R 65534/ }],
  )
})

t.test('A folder that everybody may write is serious, and so are its files and a parent', async (t) => {
  const { cwd, dir } = project(t, { keys: {} })
  await store(t, dir)
  chmodSync(dir, 0o777)
  chmodSync(join(dir, 'K.dog'), 0o666)
  const { code, of } = await examine(t, [], { cwd })
  t.equal(code, 1)
  t.match(of('access'), [{ level: 'serious', what: /everybody can write: .*K\.dog/, mend: /chmod o-w/ }])
  chmodSync(dir, 0o700)
  chmodSync(join(dir, 'K.dog'), 0o600)
  t.same((await examine(t, [], { cwd })).of('access'), [])
  const inner = join(cwd, 'open', '.dog')
  mkdirSync(dirname(inner))
  await store(t, inner)
  chmodSync(dirname(inner), 0o777)
  const parent = await examine(t, ['--dir', inner])
  t.match(parent.of('access'), [{ level: 'serious', what: /a folder above it/, mend: `chmod go-w ${dirname(inner)}` }])
  chmodSync(dirname(inner), 0o1777)
  t.same((await examine(t, ['--dir', inner])).of('access'), [], 'the sticky bit protects it')
})

t.test('A link or a FIFO in the place of a record is serious, and is not waited for', async (t) => {
  const { cwd, dir } = project(t, { keys: {} })
  await store(t, dir)
  symlinkSync('/etc/hostname', join(dir, 'LINK.dog'))
  execFileSync('mkfifo', ['-m', '600', join(dir, 'FIFO.dog')])
  const { code, of } = await examine(t, [], { cwd })
  t.equal(code, 1)
  const [finding] = of('access')
  t.equal(finding?.level, 'serious')
  for (const name of ['LINK.dog', 'FIFO.dog']) t.ok((finding?.paths as string[] | undefined)?.includes(join(dir, name)))
})

/** A program that is fetching, from an upstream that never answers. */
async function fetching(t: Test): Promise<{ cwd: string; dir: string; child: ChildProcess; exited: Promise<unknown> }> {
  const server = createServer(() => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const { cwd, dir } = project(t, { keys: { SLOW: { http: { url, value: '/value', expiresIn: 600 }, timeout: 600 } } })
  const { child, exited } = start(t, ['get', 'SLOW'], { cwd })
  const lock = join(dir, '.lock/SLOW')
  await until(() => existsSync(lock) && readdirSync(lock).length === 1)
  return { cwd, dir, child, exited }
}

t.test('It names a living holder, calls a stopped one serious, and says that a dead one needs nothing', async (t) => {
  const { cwd, child, exited } = await fetching(t)
  const locksOf = async () => (await examine(t, [], { cwd })).findings.filter(({ check }) => check === 'locks')
  t.match(await locksOf(), [{ level: 'ok', what: new RegExp(`SLOW is being fetched by .+:${child.pid}$`) }])
  child.kill('SIGSTOP')
  t.match(await locksOf(), [{ level: 'serious', what: /stopped/, mend: new RegExp(`kill -CONT ${child.pid}`), key: 'SLOW' }])
  child.kill('SIGKILL')
  await exited
  t.match(await locksOf(), [{ level: 'note', what: new RegExp(`pid ${child.pid}\\) is dead`), pid: child.pid }])
})

t.test('It lists what killed processes left behind, and a damaged record that was kept aside', async (t) => {
  const { cwd, dir } = project(t, { keys: { K: { command: ['echo', 'new'], expiresIn: 600 } } })
  await store(t, dir)
  // A reader finds a torn record, and the next holder keeps its bytes.
  writeFileSync(join(dir, 'K.dog'), '{"dotdog":1,"key":"K","val', { mode: 0o600 })
  await start(t, ['get', 'K'], { cwd }).exited
  const prepared = join(dir, '.lock', '~1.0123456789abcdef.999999.1.1.1000.0123456789abcdef')
  mkdirSync(prepared, { mode: 0o700 })
  execFileSync('touch', ['-d', '5 minutes ago', prepared])
  const { code, of } = await examine(t, [], { cwd })
  t.equal(code, 0)
  t.match(of('leftovers'), [
    { level: 'note', what: /damaged/, paths: [join(dir, '.state/K.damaged')] },
    { level: 'note', what: /1 left by killed processes/, paths: [prepared] },
  ])
})

const canMount = isRoot && spawnSync('unshare', ['-m', 'true']).status === 0

t.test('It names a tmpfs, a read-only mount and a full disk', { skip: canMount ? false : 'cannot mount' }, async (t) => {
  const { cwd, dir } = project(t, { keys: {} })
  mkdirSync(dir)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'dotdog-test', dir])
  t.teardown(() => execFileSync('umount', [dir]))
  await store(t, dir)
  t.match((await examine(t, [], { cwd })).of('file-system'), [{ level: 'note', type: 'tmpfs', point: dir, why: /reboot/ }])
  spawnSync('dd', ['if=/dev/zero', `of=${join(dir, 'filler')}`, 'bs=1M'])
  t.ok((await examine(t, [], { cwd })).of('file-system').some(({ level, what }) => level === 'serious' && /is full/.test(what)))
  execFileSync('mount', ['-o', 'remount,ro', dir])
  const readOnly = await examine(t, [], { cwd })
  t.equal(readOnly.code, 1)
  t.ok(readOnly.of('file-system').some(({ level, what }) => level === 'serious' && /read-only/.test(what)))
})

const hasBindfs = canMount && existsSync('/dev/fuse') && spawnSync('bindfs', ['--version']).status === 0

t.test('A FUSE folder is named, and one that hangs does not stop it', { skip: hasBindfs ? false : 'no bindfs' }, async (t) => {
  const { cwd, dir } = project(t, { keys: {} })
  const source = join(dirname(cwd), 'source')
  for (const folder of [dir, source]) mkdirSync(folder, { mode: 0o700 })
  const fuse = spawn('bindfs', ['-f', source, dir], { stdio: 'ignore' })
  t.teardown(() => {
    fuse.kill('SIGCONT')
    spawnSync('fusermount3', ['-u', '-z', dir])
    fuse.kill('SIGKILL')
  })
  await until(() => spawnSync('mountpoint', ['-q', dir]).status === 0)
  await store(t, dir)
  t.match((await examine(t, [], { cwd })).of('file-system'), [{ level: 'note', type: /^fuse/, mend: /Redis/ }])
  fuse.kill('SIGSTOP')
  const { code, of, findings } = await examine(t, [], { cwd })
  t.equal(code, 1)
  t.ok(findings.some(({ check, level }) => check === 'configuration' && level === 'ok'))
  const hanging = findings.filter(({ level }) => level === 'serious')
  t.ok(hanging.some(({ what, mend }) => /no answer in 10 s/.test(what) && /ls the folder/.test(mend ?? '')))
  t.ok(of('keys').some(({ what }) => /no answer in 10 s/.test(what)))
})

const canLimit = spawnSync('unshare', ['-Ur', 'sh', '-c', 'echo 0 > /proc/sys/user/max_inotify_instances']).status === 0

t.test('Without inotify it says that waiters poll', { skip: canLimit ? false : 'no user namespaces' }, async (t) => {
  const { cwd, dir } = project(t, { keys: {} })
  await store(t, dir)
  const script = 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$0" "$@"'
  const { stdout } = spawnSync('unshare', ['-Ur', 'sh', '-c', script, process.execPath, program, 'doctor', '--json'], {
    cwd,
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
  })
  const findings = JSON.parse(stdout).findings as JsonFinding[]
  t.match(
    findings.filter(({ check }) => check === 'watching'),
    [{ level: 'note', error: /^(EMFILE|ENOSPC)$/, mend: /max_user_instances/ }],
  )
})
