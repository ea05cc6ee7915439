import { execFileSync } from 'node:child_process'
import t from 'tap'
import { widthOf } from '../../src/cli/terminal/table.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { startUpstream } from '../support/upstream.js'
import { configured, run, start } from './setup.js'
import { hasTerminals, openTerminal } from './terminal.js'

const ESCAPE = '\u001b'

t.test('`status` is a table for a person and JSON for a program, with failures and hints, and never a value', async (t) => {
  const upstream = await startUpstream({ delay: 1 })
  t.teardown(() => upstream.close())
  const http = { url: upstream.url, value: '/value', expiresIn: '/expiresIn' }
  const { folder } = configured(t, { keys: { GOOD: { http, quota: { limit: 9 } }, BAD: { http }, NEW: { http } } })
  t.equal((await run(t, ['get', 'GOOD'], { cwd: folder })).code, 0)
  upstream.failures = 1
  t.equal((await run(t, ['get', 'BAD'], { cwd: folder })).code, 1)
  const { code, out, err } = await run(t, ['status'], { cwd: folder })
  t.same([code, err], [0, ''])
  const lines = out.split('\n')
  t.match(lines[0], /^KEY +STATE +LIFE +LEFT +AGE +FETCHES +HOLDER$/)
  t.match(lines[1], /^BAD +missing .* 1$/)
  t.match(lines[2], /^ {2}failed \d+ s ago: /)
  t.match(lines.at(-3), /^GOOD +fresh +█{10} +(2 h|1 h 59 min) +\d+ s +1\/9$/)
  t.match(lines.at(-2), /^NEW +missing/)
  t.notMatch(out, /token-1/)
  const chinese = await run(t, ['status'], { cwd: folder, env: { LANG: 'zh_CN.UTF-8' } })
  t.match(chinese.out, /^键 +状态[\s\S]*GOOD +有效[\s\S]*NEW +没有值/)
  const json = JSON.parse((await run(t, ['status', '--json', 'GOOD'], { cwd: folder })).out)
  t.match(json, [{ key: 'GOOD', state: 'fresh', fetches: 1, quota: 9 }])
  t.match(await run(t, ['status', 'GOOD', 'OTHER'], { cwd: folder }), { code: 1, out: /GOOD/, err: /has no OTHER/ })
})

t.test('A pipe gets the status again at each change, without colour, until the reader or a signal ends it', async (t) => {
  const dir = temporaryFolder(t)
  const put = (input: string) => run(t, ['set', 'K', '--expires-in', '600', '--dir', dir], { input })
  await put('one')
  const { child, printed, exited, out } = start(t, ['status', '--watch', '--json', '--dir', dir])
  await printed(/"state":"fresh".*\n/)
  await put('two')
  await printed(/"state":"fresh".*\n.*"state":"fresh".*\n/)
  for (const line of out().trim().split('\n')) t.match(JSON.parse(line), [{ key: 'K' }])
  child.kill('SIGTERM')
  t.ok(['SIGTERM', 143].includes(await exited))
  const left = start(t, ['status', '--watch', '--dir', dir])
  await left.printed(/K +fresh/)
  left.child.stdout!.destroy()
  await put('three')
  t.equal(await left.exited, 0)
})

t.test('At a terminal --watch redraws in place, and Ctrl-C gives the cursor back', { skip: !hasTerminals }, async (t) => {
  const dir = temporaryFolder(t)
  await run(t, ['set', 'FIRST', '--expires-in', '600', '--dir', dir], { input: 'v' })
  const terminal = openTerminal(t, ['status', '--watch', '--dir', dir])
  await terminal.shows(/FIRST/)
  await run(t, ['set', 'SECOND', '--expires-in', '600', '--dir', dir], { input: 'v' })
  await terminal.shows(/SECOND/)
  t.ok(terminal.shown().includes(`${ESCAPE}[?25l`))
  t.ok(terminal.shown().includes(`${ESCAPE}[2A`), 'two lines up')
  terminal.type('\x03')
  t.equal(await terminal.exited, 130)
  t.ok(terminal.shown().trimEnd().endsWith(`${ESCAPE}[?25h`))
})

t.test('A terminal has colours, but not with NO_COLOR or as a dumb terminal', { skip: !hasTerminals }, async (t) => {
  const dir = temporaryFolder(t)
  await run(t, ['set', 'K', '--expires-in', '600', '--dir', dir], { input: 'v' })
  const cases: [Record<string, string>, boolean][] = [
    [{}, true],
    [{ NO_COLOR: '' }, true],
    [{ NO_COLOR: '1' }, false],
    [{ TERM: 'dumb' }, false],
  ]
  for (const [env, isColored] of cases) {
    const terminal = openTerminal(t, ['status', '--dir', dir], { env })
    t.equal(await terminal.exited, 0)
    t.equal(terminal.shown().includes(`${ESCAPE}[32m`), isColored, JSON.stringify(env))
  }
})

t.test('No line is wider than a narrow terminal, in English and in Chinese', { skip: !hasTerminals }, async (t) => {
  const upstream = await startUpstream({ delay: 1 })
  t.teardown(() => upstream.close())
  const http = { url: upstream.url, value: '/value', expiresIn: '/expiresIn' }
  const { folder } = configured(t, { keys: { A_RATHER_LONG_NAME_OF_A_KEY: { http }, 键名: { http } } })
  upstream.failures = 1
  await run(t, ['get', '键名'], { cwd: folder })
  await run(t, ['get', 'A_RATHER_LONG_NAME_OF_A_KEY'], { cwd: folder })
  for (const columns of [24, 30, 40, 60]) {
    for (const LANG of ['C', 'zh_CN.UTF-8']) {
      const terminal = openTerminal(t, ['status'], { cwd: folder, columns, env: { NO_COLOR: '1', LANG } })
      t.equal(await terminal.exited, 0)
      const widths = terminal.shown().split('\r\n').map(widthOf)
      t.ok(Math.max(...widths) <= columns, `${columns} columns: ${terminal.shown()}`)
      t.match(terminal.shown(), /键名/)
    }
  }
})

t.test('The completion of bash is a script that completes commands, options and keys', async (t) => {
  const { folder } = configured(t, { keys: { SOME_KEY: { command: ['true'] } } })
  for (const shell of ['bash', 'zsh', 'fish']) t.match(await run(t, ['completion', shell]), { code: 0, out: /dotdog/, err: '' })
  t.match(await run(t, ['completion', 'tcsh']), { code: 2, out: '' })
  t.match(await run(t, ['completion', 'keys'], { cwd: folder }), { code: 0, out: 'SOME_KEY\n', err: '' })
  const { out: script } = await run(t, ['completion', 'bash'])
  const complete = (...words: string[]) =>
    execFileSync(
      'bash',
      [
        '-c',
        `${script}\ndotdog() { echo SOME_KEY; }\nCOMP_WORDS=(dotdog ${words.join(' ')}); COMP_CWORD=${words.length}; _dotdog; echo "\${COMPREPLY[@]}"`,
      ],
      { encoding: 'utf8' },
    ).trim()
  t.equal(complete('ref'), 'refresh')
  t.equal(complete('get', 'SO'), 'SOME_KEY')
  t.equal(complete('get', '--mi'), '--min-ttl')
  t.equal(complete('config', 'sch'), 'schema')
})

t.test('Every command has a page of help with an example', async (t) => {
  const { out } = await run(t, ['help'])
  const names = [...out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name!)
  t.ok(names.length >= 11)
  for (const name of names) {
    const page = await run(t, ['help', name])
    t.same([page.code, page.err], [0, ''])
    t.match(page.out, new RegExp(`^dotdog ${name}\\b`))
    t.match(page.out.split('Example:')[1], new RegExp(`dotdog ${name}\\b`), name)
    t.equal((await run(t, [name, '--help'])).out, page.out)
  }
  t.match(await run(t, ['help', 'nope']), { code: 2, out: '', err: /no such command/ })
  t.match(await run(t, ['statsu']), { code: 2, err: /did you mean status\?/ })
})
