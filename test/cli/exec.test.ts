import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../support/temporary-folder.js'
import { pause, until } from '../support/timing.js'
import { configured, run, start } from './setup.js'
import { hasTerminals, openTerminal } from './terminal.js'

const KEYS = {
  keys: { 'A-B': { command: ['echo', 'value-of-a'], expiresIn: 60 }, C: { command: ['echo', 'value-of-c'], expiresIn: 60 } },
}
/** Prints each signal that it gets, and ends with code 9 at SIGTERM. */
const WITNESS = `
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => {
    console.log('got ' + signal)
    if (signal === 'SIGTERM') process.exit(9)
  })
  setInterval(() => {}, 1000)
  console.log('ready ' + process.env.K)
`

t.test('`exec` runs a command with the values in its environment, and ends with its exit code', async (t) => {
  const { folder } = configured(t, KEYS)
  const exec = (...args: string[]) => run(t, ['exec', ...args], { cwd: folder, env: { C: 'old' } })
  const all = await exec('--', 'sh', '-c', 'echo "$A_B $C"; exit 7')
  t.same(all, { code: 7, out: 'value-of-a value-of-c\n', err: 'dotdog: the variable C is overwritten\n' })
  t.same(await exec('A-B=MY_NAME', '--', 'sh', '-c', 'echo "$MY_NAME $C"'), { code: 0, out: 'value-of-a old\n', err: '' })
  t.match(await exec('C=X', '--', 'sh', '-c', 'kill -KILL $$'), { code: 128 + 9 })
  // No shell: what stands after -- is passed on as it is.
  t.match(await exec('C=X', '--', 'echo', '$X; --help', '-h'), { code: 0, out: '$X; --help -h\n' })
  const copied = await run(t, ['exec', 'C=X', '--', 'cat'], { cwd: folder, input: 'typed' })
  t.same(copied, { code: 0, out: 'typed', err: '' })
})

t.test('Exit codes 126 and 127: the command cannot be run', async (t) => {
  const { folder } = configured(t, KEYS)
  writeFileSync(join(folder, 'plain'), '#!/bin/sh\n', { mode: 0o600 })
  t.match(await run(t, ['exec', '--', 'no-such-command'], { cwd: folder }), { code: 127, out: '', err: /ENOENT/ })
  t.match(await run(t, ['exec', '--', './plain'], { cwd: folder }), { code: 126, out: '', err: /EACCES/ })
})

t.test('`exec` refuses what it must not do, and runs nothing then', async (t) => {
  const { folder } = configured(t, KEYS)
  const refused: [string[], number, RegExp][] = [
    [['C'], 2, /needs --/],
    [['C', 'sh'], 2, /needs --/],
    [['C', '--'], 2, /needs --/],
    [['C=PATH', '--', 'echo', 'ran'], 2, /PATH decides what programs run/],
    [['C=LD_PRELOAD', '--', 'echo', 'ran'], 2, /refused/],
    [['C=node_options', '--', 'echo', 'ran'], 2, /refused/],
    [['C=1A', '--', 'echo', 'ran'], 2, /letters, digits and _/],
    [['C=', '--', 'echo', 'ran'], 2, /letters, digits and _/],
    [['UNKNOWN', '--', 'echo', 'ran'], 1, /no fetcher/],
    [['--on-change', 'NOPE', '--', 'echo', 'ran'], 2, /--on-change must be/],
  ]
  for (const [args, code, err] of refused)
    t.match(await run(t, ['exec', ...args], { cwd: folder }), { code, out: '', err }, args.join(' '))
})

t.test('Without a terminal each signal reaches the command once', async (t) => {
  const { folder } = configured(t, { keys: { K: { command: ['echo', 'v'], expiresIn: 60 } } })
  const { child, printed, exited, out } = start(t, ['exec', '--', process.execPath, '-e', WITNESS], { cwd: folder })
  await printed(/ready v/)
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2'] as const) {
    child.kill(signal)
    await printed(new RegExp(`got ${signal}`))
  }
  child.kill('SIGTERM')
  t.equal(await exited, 9)
  t.equal(out(), 'ready v\ngot SIGINT\ngot SIGHUP\ngot SIGUSR2\ngot SIGTERM\n')
})

t.test('At a terminal Ctrl-C reaches the command once, and SIGTERM is passed on', { skip: !hasTerminals }, async (t) => {
  const { folder } = configured(t, { keys: { K: { command: ['echo', 'v'], expiresIn: 60 } } })
  const terminal = openTerminal(t, ['exec', '--', process.execPath, '-e', WITNESS], { cwd: folder })
  await terminal.shows(/ready v/)
  terminal.type('\x03')
  await terminal.shows(/got SIGINT/)
  terminal.type('\x03')
  await terminal.shows(/got SIGINT[\s\S]*got SIGINT/)
  terminal.child.kill('SIGTERM')
  t.equal(await terminal.exited, 9)
  t.equal(terminal.shown().match(/got SIGINT/g)!.length, 2)
  t.equal(terminal.shown().match(/got SIGTERM/g)!.length, 1)
})

t.test('At a terminal the command has the terminal', { skip: !hasTerminals }, async (t) => {
  const { folder } = configured(t, { keys: { K: { command: ['echo', 'v'], expiresIn: 60 } } })
  const terminal = openTerminal(t, ['exec', '--', 'sh', '-c', 'test -t 0 && test -t 1 && read line && echo "read $line"'], {
    cwd: folder,
  })
  terminal.type('a line\r')
  await terminal.shows(/read a line/)
  t.equal(await terminal.exited, 0)
})

t.test('--on-change restart starts the command again with the new value; a signal is sent instead of it', async (t) => {
  const dir = temporaryFolder(t)
  const put = (input: string) => run(t, ['set', 'K', '--expires-in', '60', '--dir', dir], { input })
  await put('one')
  const exec = (reaction: string) =>
    start(t, ['exec', 'K', '--dir', dir, '--on-change', reaction, '--', process.execPath, '-e', WITNESS])
  const [restarted, signalled] = [exec('restart'), exec('USR2')]
  await Promise.all([restarted.printed(/ready one/), signalled.printed(/ready one/)])
  await put('two')
  await restarted.printed(/got SIGTERM\nready two/)
  await signalled.printed(/got SIGUSR2/)
  // The same value again is no change.
  await put('two')
  await put('three')
  await restarted.printed(/got SIGTERM\nready three/)
  t.equal(restarted.out(), 'ready one\ngot SIGTERM\nready two\ngot SIGTERM\nready three\n')
  await until(() => signalled.out().match(/USR2/g)?.length === 2)
  await pause(50)
  t.equal(signalled.out(), 'ready one\ngot SIGUSR2\ngot SIGUSR2\n')
  restarted.child.kill('SIGTERM')
  signalled.child.kill('SIGTERM')
  t.same([await restarted.exited, await signalled.exited], [9, 9])
})

t.test('A command that ends by itself is not started again', async (t) => {
  const dir = temporaryFolder(t)
  await run(t, ['set', 'K', '--dir', dir], { input: 'one' })
  const { exited } = start(t, ['exec', 'K', '--dir', dir, '--on-change', 'restart', '--', 'sh', '-c', 'exit 3'])
  t.equal(await exited, 3)
})
