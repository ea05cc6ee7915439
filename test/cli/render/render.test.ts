import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { until } from '../../support/timing.js'
import { startUpstream } from '../../support/upstream.js'
import { configured, run } from '../setup.js'
import { modeOf, SECRET, withValue } from './setup.js'

t.test('`render` writes the values into the file, and nothing else anywhere', async (t) => {
  const { args, read, out, put, folder, path } = await withValue(
    t,
    'a {{key "K"}}{{ "{{" }} {{ expires "K" }}\n{{ key   "K" }}{{ key "a\\"b" }}',
  )
  const record = JSON.parse(readFileSync(join(folder, 'values/K.dog'), 'utf8').split('\n')[0]!) as { expiresAt: number }
  t.match(await run(t, args()), { code: 1, out: '', err: /no fetcher/ })
  t.notOk(existsSync(out))
  await run(t, ['set', 'a"b', '--dir', join(folder, 'values')], { input: 'q' })
  t.same(await run(t, args()), { code: 0, out: '', err: '' })
  t.equal(read(), `a ${SECRET}{{ ${Math.floor(record.expiresAt / 1000)}\n${SECRET}q`)
  t.equal(modeOf(out), 0o600)
  t.same(readdirSync(folder).sort(), ['out', 'template', 'values'])
  writeFileSync(path, '{"t":"{{ key "K" "access" }}","expires":{{ expires "K" }},"all":{{ key "K" }}}')
  t.match(await run(t, args()), { code: 1, err: /has no such field/ })
  await put('{"access":"a"}', '--json')
  t.match(await run(t, args()), { code: 0 })
  t.same(JSON.parse(read()), { t: 'a', expires: null, all: { access: 'a' } })
})

t.test('A template that is not understood is refused with line and column, and shows nothing of itself', async (t) => {
  const { args, path, out, folder } = await withValue(t)
  const wrong: [string, RegExp][] = [
    [`a\nb {{ kye "${SECRET}" }}`, /template:2:3: there are \{\{ key "KEY" \}\}/],
    [`{{ key ${SECRET} }}`, /template:1:1/],
    [`x {{ key "${SECRET}"`, /template:1:3/],
    [`{{ expires "${SECRET}" "x" }}`, /template:1:1/],
    [SECRET, /names no key/],
    ['', /names no key/],
  ]
  for (const [text, err] of wrong) {
    writeFileSync(path, text)
    const result = await run(t, args())
    t.match(result, { code: 2, out: '', err }, text)
    t.notMatch(result.err, SECRET)
  }
  writeFileSync(path, '{{ key "K" }}')
  chmodSync(path, 0o666)
  t.match(await run(t, args()), { code: 2, err: /template can be written by others.*which secrets are written/s })
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])
  t.match(await run(t, ['render', fifo, '--out', out]), { code: 2, err: /is not a file/ })
  t.notOk(existsSync(out))
})

t.test('Wrong arguments of `render` end with 2, and write nothing', async (t) => {
  const { args, path, out, dir } = await withValue(t)
  const wrong: [string[], RegExp][] = [
    [['render'], /takes one template/],
    [['render', path, path], /takes one template/],
    [['render', path, '--dir', dir], /needs --out/],
    [args('--mode', '9'), /--mode must be an octal mode/],
    [args('--mode', '0000'), /owner read/],
    [args('--group', 'no-such-group'), /--group: .*no-such-group/],
    [args('--signal', 'HUP'), /go together/],
    [args('--pid-file', 'x'), /go together/],
    [args('--signal', 'NOPE', '--pid-file', 'x'), /--signal must be the name/],
    [args('--'), /without a command/],
    [args('--nope'), /no such option/],
  ]
  for (const [given, err] of wrong) t.match(await run(t, given), { code: 2, out: '', err }, given.slice(4).join(' '))
  t.notOk(existsSync(out))
})

t.test('After a change the signal and the command come once, and without one neither', async (t) => {
  const { args, put, folder, out } = await withValue(t)
  const witness = spawn(process.execPath, [
    '-e',
    "process.on('SIGHUP', () => console.log('hup')); setInterval(() => {}, 1000); console.log('ready')",
  ])
  t.teardown(() => witness.kill('SIGKILL'))
  let heard = ''
  witness.stdout.on('data', (chunk) => (heard += chunk))
  await until(() => heard.includes('ready'))
  const pidFile = join(folder, 'pid')
  writeFileSync(pidFile, `${witness.pid}\n`)
  const log = join(folder, 'log')
  const told = args('--signal', 'HUP', '--pid-file', pidFile, '--', 'sh', '-c', `cat ${out} >> ${log}; exit 7`)
  t.same(await run(t, told), { code: 7, out: '', err: '' })
  await until(() => heard === 'ready\nhup\n')
  t.same(await run(t, told), { code: 0, out: '', err: '' })
  await put('another')
  t.match(await run(t, told), { code: 7 })
  await until(() => heard === 'ready\nhup\nhup\n')
  t.equal(readFileSync(log, 'utf8'), `token=${SECRET}\ntoken=another\n`)
  witness.kill('SIGKILL')
  await once(witness, 'close')
  await put('third')
  t.match(await run(t, told), { code: 7, err: /no process of .* runs/ })
  for (const [index, text] of ['0', '-1', '1', '', 'x', '12x'].entries()) {
    await put(`value-${index}`)
    writeFileSync(pidFile, text)
    const wrong = await run(t, told)
    t.match(wrong, { code: 1, err: /has no number of a process/ }, JSON.stringify(text))
  }
  await put('last')
  t.match(await run(t, args('--', 'no-such-command')), { code: 127 })
})

t.test('An upstream that cannot be reached is exit code 3, and the old file stays', async (t) => {
  const upstream = await startUpstream()
  await upstream.close()
  const { folder } = configured(t, { keys: { K: { http: { url: upstream.url, value: '/value' }, expiresIn: 5 } } })
  writeFileSync(join(folder, 'template'), '{{ key "K" }}')
  writeFileSync(join(folder, 'out'), 'old')
  for (const more of [[], ['--watch']]) {
    t.match(await run(t, ['render', 'template', '--out', 'out', ...more], { cwd: folder }), { code: 3, out: '' })
  }
  t.equal(readFileSync(join(folder, 'out'), 'utf8'), 'old')
})
