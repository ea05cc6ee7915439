import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../support/temporary-folder.js'
import { startUpstream } from '../support/upstream.js'
import { configured, run } from './setup.js'
import { hasTerminals, openTerminal } from './terminal.js'

t.test('`set` stores the value on standard input, and prints its lifetime and never the value', async (t) => {
  const dir = temporaryFolder(t)
  const set = (input: string, ...args: string[]) => run(t, ['set', 'K', '--dir', dir, ...args], { input })
  t.same(await set('v4lue\n', '--expires-in', '7200'), { code: 0, out: 'K: valid for 2 h\n', err: '' })
  t.match(await run(t, ['get', 'K', '--dir', dir]), { code: 0, out: 'v4lue\n' })
  t.match(await set('line 1\nline 2\n\n'), { code: 0, out: 'K: never expires\n' })
  t.match(await run(t, ['get', 'K', '--dir', dir, '--json']), { code: 0, out: /"value":"line 1\\nline 2\\n","expiresAt":null/ })
  t.match(await set('{"access":"a"}', '--json'), { code: 0 })
  t.match(await run(t, ['get', 'K', '--dir', dir, '--field', 'access']), { out: 'a\n' })
  t.match(await set(''), { code: 2, err: /read from standard input, which is empty/ })
  const wrong = await set('{s3cret}', '--json')
  t.match(wrong, { code: 2, err: /is not JSON/ })
  t.notMatch(wrong.err, /s3cret/)
  t.match(await set('v', '--expires-in', '-1'), { code: 2 })
  t.match(await run(t, ['set', '--dir', dir], { input: 'v' }), { code: 2, err: /takes one key/ })
})

t.test('`refresh --rejected -` replaces only the value that was rejected', async (t) => {
  const upstream = await startUpstream({ delay: 1 })
  t.teardown(() => upstream.close())
  const { folder } = configured(t, { keys: { K: { http: { url: upstream.url, value: '/value', expiresIn: '/expiresIn' } } } })
  const dotdog = (args: string[], input?: string) => run(t, args, { cwd: folder, ...(input === undefined ? {} : { input }) })
  const { out: first } = await dotdog(['get', 'K'])
  t.match(await dotdog(['refresh', 'K', '--rejected', '-'], 'another'), { code: 0 })
  t.equal(upstream.count, 1)
  // Within a minute of its fetch a value is not believed to be dead: force asks all the same.
  const { out, code } = await dotdog(['refresh', 'K'])
  t.same([code, out], [0, 'K: valid for 2 h\n'])
  t.equal(upstream.count, 2)
  t.match(await dotdog(['refresh', 'K', '--rejected', '-'], first), { code: 0 })
  t.equal(upstream.count, 2, 'the rejected value is not the current one')
  const wrong = await dotdog(['refresh', 'K', '--rejected', 's3cret'])
  t.match(wrong, { code: 2, out: '', err: /standard input/ })
  t.notMatch(wrong.err, /s3cret/)
  t.match(await dotdog(['refresh', 'K', '--rejected', '-'], ''), { code: 2 })
  t.equal(upstream.count, 2)
})

t.test('`refresh --force` asks although a failure says to wait', async (t) => {
  const upstream = await startUpstream({ delay: 1 })
  t.teardown(() => upstream.close())
  const { folder } = configured(t, { keys: { K: { http: { url: upstream.url, value: '/value', expiresIn: '/expiresIn' } } } })
  upstream.failures = 6
  t.match(await run(t, ['get', 'K'], { cwd: folder }), { code: 1 })
  for (let round = 0; round < 5; round++) await run(t, ['refresh', 'K', '--force'], { cwd: folder })
  const count = upstream.count
  t.match(await run(t, ['refresh', 'K'], { cwd: folder }), { code: 1, out: '' })
  t.equal(upstream.count, count, 'the back-off is obeyed')
  t.match(await run(t, ['refresh', 'K', '--force'], { cwd: folder }), { code: 0, out: /valid for/ })
})

t.test('`rm` asks first: at a terminal, or with --yes', async (t) => {
  const dir = temporaryFolder(t)
  await run(t, ['set', 'K', '--dir', dir], { input: 'v' })
  t.match(await run(t, ['rm', 'K', '--dir', dir], { input: 'y\n' }), { code: 2, err: /no terminal to ask at: give --yes/ })
  t.match(readFileSync(join(dir, 'K.dog'), 'utf8'), '"v"')
  t.same(await run(t, ['rm', 'K', '--dir', dir, '--yes']), { code: 0, out: '', err: '' })
  t.match(await run(t, ['rm', 'K', '--dir', dir, '-y']), { code: 1, err: /K has no value/ })
})

t.test('At a terminal `rm` takes y, and nothing else, for a yes', { skip: !hasTerminals }, async (t) => {
  const dir = temporaryFolder(t)
  await run(t, ['set', 'K', '--dir', dir], { input: 'v' })
  for (const [answer, code] of [
    ['n\r', 1],
    ['\r', 1],
    ['\x04', 1],
    ['\x03', 130],
    ['y\r', 0],
  ] as const) {
    const terminal = openTerminal(t, ['rm', 'K', '--dir', dir])
    await terminal.shows(/Remove the value of K from .*\[y\/N\] /)
    terminal.type(answer)
    t.equal(await terminal.exited, code, JSON.stringify(answer))
  }
  const asked = openTerminal(t, ['rm', 'K', '--dir', dir], { env: { LANG: 'zh_CN.UTF-8' } })
  await asked.shows(/要从 .* 中删除 K 的值吗/)
  asked.type('是\r')
  t.equal(await asked.exited, 1)
  t.match(asked.shown(), /K has no value/)
})

t.test('At a terminal `set` asks for the value, and does not show it', { skip: !hasTerminals }, async (t) => {
  const dir = temporaryFolder(t)
  const terminal = openTerminal(t, ['set', 'K', '--dir', dir])
  await terminal.shows(/The value: /)
  terminal.type('s3cret-value\r')
  t.equal(await terminal.exited, 0, terminal.shown())
  t.notMatch(terminal.shown(), /s3cret/)
  t.equal((await run(t, ['get', 'K', '--dir', dir])).out, 's3cret-value\n')
  const left = openTerminal(t, ['set', 'K', '--dir', dir])
  await left.shows(/The value: /)
  left.type('half\x03')
  t.equal(await left.exited, 130)
  t.equal((await run(t, ['get', 'K', '--dir', dir])).out, 's3cret-value\n')
})
