import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../setup.js'
import { isRoot, modeOf, SECRET, withValue } from './setup.js'

t.test('A planted link, FIFO, folder or device in place of the file is refused, and left alone', async (t) => {
  const { args, out, folder } = await withValue(t)
  const victim = join(folder, 'victim')
  writeFileSync(victim, 'untouched', { mode: 0o644 })
  const plants: [string, () => void][] = [
    ['link', () => symlinkSync(victim, out)],
    ['dangling link', () => symlinkSync(join(folder, 'nowhere'), out)],
    ['FIFO', () => execFileSync('mkfifo', [out])],
    ['folder', () => mkdirSync(out)],
  ]
  for (const [name, plant] of plants) {
    plant()
    const { ino } = lstatSync(out)
    t.match(await run(t, args()), { code: 2, out: '', err: /symbolic link|not a file/ }, name)
    t.equal(lstatSync(out).ino, ino)
    execFileSync('rm', ['-rf', out])
  }
  t.equal(readFileSync(victim, 'utf8'), 'untouched')
  t.notOk(existsSync(join(folder, 'nowhere')))
  // A second name of the same file keeps the old content: the name is replaced, not the file.
  linkSync(victim, out)
  t.match(await run(t, args()), { code: 0 })
  t.equal(readFileSync(victim, 'utf8'), 'untouched')
})

t.test('A folder that others can write, or that is reached through one, is refused', async (t) => {
  const { folder, path, dir, out } = await withValue(t)
  for (const mode of [0o777, 0o770, 0o1777]) {
    chmodSync(folder, mode)
    t.match(await run(t, ['render', path, '--out', out, '--dir', dir]), { code: 2, err: /written by others/ }, mode.toString(8))
  }
  chmodSync(folder, 0o700)
  const inner = join(folder, 'open/inner')
  mkdirSync(inner, { recursive: true, mode: 0o700 })
  const render = (to: string) => run(t, ['render', path, '--out', to, '--dir', dir])
  chmodSync(join(folder, 'open'), 0o777)
  t.match(await render(join(inner, 'out')), { code: 2, err: /open can be written by others.*chmod go-w/ })
  symlinkSync(inner, join(folder, 'link'))
  t.match(await render(join(folder, 'link/out')), { code: 2, err: /open can be written by others/ })
  symlinkSync(folder, join(folder, 'open/back'))
  t.match(await render(join(folder, 'open/back/out')), { code: 2, err: /open can be written by others/ })
  // A sticky folder lets nobody replace what is ours, and a link of ours leads where we want.
  chmodSync(join(folder, 'open'), 0o1777)
  t.match(await render(join(inner, 'out')), { code: 0 })
  t.match(await render(join(folder, 'link/out')), { code: 0 })
  t.match(await render(join(folder, 'none/out')), { code: 2, err: /make the folder first/ })
  t.match(await render(join(path, 'out')), { code: 2, err: /ENOTDIR/ })
  symlinkSync('loop', join(folder, 'loop'))
  t.match(await render(join(folder, 'loop/out')), { code: 2, err: /ELOOP/ })
  t.notOk(existsSync(out))
})

t.test("Another user's folder, link, template and pid file are refused", { skip: !isRoot && 'needs root' }, async (t) => {
  const { folder, path, dir, args } = await withValue(t)
  const foreign = join(folder, 'foreign')
  mkdirSync(join(foreign, 'inner'), { recursive: true })
  chownSync(foreign, 12_345, 12_345)
  const render = (to: string) => run(t, ['render', path, '--out', to, '--dir', dir])
  t.match(await render(join(foreign, 'out')), { code: 2, err: /belongs to another user \(uid 12345/ })
  t.match(await render(join(foreign, 'inner/out')), { code: 2, err: /belongs to another user/ })
  const link = join(folder, 'link')
  mkdirSync(join(folder, 'own'))
  symlinkSync(join(folder, 'own'), link)
  execFileSync('chown', ['-h', '12345', link])
  t.match(await render(join(link, 'out')), { code: 2, err: /link belongs to another user/ })
  const pidFile = join(folder, 'pid')
  writeFileSync(pidFile, String(process.pid))
  chownSync(pidFile, 12_345, 12_345)
  t.match(await run(t, args('--signal', 'KILL', '--pid-file', pidFile)), { code: 2, err: /which process gets the signal/ })
  chownSync(path, 12_345, 12_345)
  t.match(await render(join(folder, 'out2')), { code: 2, err: /belongs to another user/ })
})

t.test('--mode and --group hold from the first moment on, and a file that has others gets them', async (t) => {
  const { args, out, read } = await withValue(t)
  const gid = isRoot ? 4242 : process.getgid!()
  t.match(await run(t, args('--mode', '0640', '--group', String(gid))), { code: 0 })
  t.same([modeOf(out), statSync(out).gid, statSync(out).uid], [0o640, gid, process.getuid!()])
  t.match(await run(t, args()), { code: 0 })
  t.same([modeOf(out), statSync(out).gid], [0o600, process.getgid!()])
  chmodSync(out, 0o666)
  t.match(await run(t, args()), { code: 0 })
  t.equal(modeOf(out), 0o600)
  t.equal(read(), `token=${SECRET}\n`)
})

t.test('A file on a full disk stays as it was', { skip: !isRoot && 'needs root' }, async (t) => {
  const { folder, path, dir } = await withValue(t, '{{ key "K" }}'.repeat(5000))
  const small = join(folder, 'small')
  mkdirSync(small)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=80k,mode=700', 'dotdog-test', small], { stdio: 'ignore' })
  } catch {
    return t.comment('no file system can be mounted here')
  }
  t.teardown(() => execFileSync('umount', [small]))
  const out = join(small, 'out')
  const render = (template: string) => run(t, ['render', template, '--out', out, '--dir', dir])
  const short = join(folder, 'short')
  writeFileSync(short, '{{ key "K" }}'.repeat(4000))
  t.match(await render(short), { code: 0 })
  t.equal(readFileSync(out, 'utf8'), SECRET.repeat(4000))
  const full = await render(path)
  t.match(full, { code: 1, out: '', err: /cannot be written \(ENOSPC\)/ })
  t.notMatch(full.err, SECRET)
  t.equal(readFileSync(out, 'utf8'), SECRET.repeat(4000))
  t.same(readdirSync(small), ['out'])
})
