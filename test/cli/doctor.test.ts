import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { examine, type JsonFinding, project, store } from './doctor-setup.js'
import { run, start } from './setup.js'
import { hasTerminals, openTerminal } from './terminal.js'

const ESCAPE = '\u001b'

t.test('A healthy folder has nothing serious, every finding has its members, and the exit code is 0', async (t) => {
  const { cwd, dir } = project(t, { keys: { K: { command: ['echo', 'x'] } } })
  await store(t, dir)
  const { code, findings, of, out } = await examine(t, [], { cwd })
  t.equal(code, 0)
  for (const { check, level, what } of findings) {
    t.match(check, /^[a-z-]+$/)
    t.ok(['ok', 'note', 'serious'].includes(level))
    t.ok(what.length > 0)
  }
  for (const check of ['configuration', 'access', 'locks', 'leftovers', 'keys', 'encryption', 'identity', 'watching']) {
    t.same(of(check), [], check)
    t.ok(
      findings.some((one) => one.check === check),
      check,
    )
  }
  t.match(
    findings.find(({ check }) => check === 'place'),
    { dir, reason: 'beside' },
  )
  t.notMatch(out, /the-value/)
})

t.test('It changes nothing in the folder, not even a mode that other commands tighten', async (t) => {
  const { cwd, dir } = project(t, { keys: { K: { command: ['sh', '-c', 'touch fetched; echo x'] } } })
  await store(t, dir)
  chmodSync(dir, 0o755)
  const snapshot = () =>
    readdirSync(cwd, { recursive: true, encoding: 'utf8' })
      .sort()
      .map((name) => {
        const { mode, mtimeMs, ctimeMs, ino } = statSync(join(cwd, name))
        return { name, mode, mtimeMs, ctimeMs, ino }
      })
  const before = snapshot()
  const { code, of } = await examine(t, [], { cwd })
  t.equal(code, 0)
  t.match(of('access'), [{ level: 'note', what: /mode 0755/, mend: /chmod 700/ }])
  t.same(snapshot(), before)
  await run(t, ['status'], { cwd })
  t.not(statSync(dir).mode & 0o777, 0o755, 'which the check would have seen')
})

t.test('A mistake in the configuration, a missing secret and an untrusted file are serious', async (t) => {
  const secret = { env: 'NOT_THERE_AT_ALL' }
  const entry = { oauth2: { tokenUrl: 'http://127.0.0.1:9/t', clientid: 'x', clientSecret: secret } }
  const wrong = project(t, { keys: { API: entry } })
  const first = await examine(t, [], { cwd: wrong.cwd })
  t.equal(first.code, 1)
  t.match(first.of('configuration')[0], { level: 'serious', what: /:1:\d+: unknown option "clientid"/, mend: /config check/ })
  t.same(first.of('keys'), [], 'what stops other steps is said once')
  const missing = project(t, {
    keys: { API: { command: ['echo'], identity: 'a' }, B: { oauth2: { ...entry.oauth2, clientid: undefined, clientId: 'x' } } },
  })
  const second = await examine(t, [], { cwd: missing.cwd })
  t.match(second.of('configuration'), [{ level: 'serious', what: /the environment has no NOT_THERE_AT_ALL/ }])
  const open = project(t, { keys: {} })
  chmodSync(join(open.cwd, 'dotdog.config.json'), 0o666)
  const third = await examine(t, [], { cwd: open.cwd })
  t.match(third, { code: 1 })
  t.match(third.of('configuration'), [{ level: 'serious', what: /can be written by others.*chmod go-w/ }])
  const none = project(t)
  const fourth = await examine(t, [], { cwd: none.cwd })
  t.match(fourth, { code: 1 })
  t.match(fourth.of('place'), [{ level: 'serious', what: /no \.dog folder/, mend: /WX_APPID/ }])
  t.equal(fourth.findings.filter(({ level }) => level === 'serious').length, 1)
})

t.test('A wrong option is a wrong usage', async (t) => {
  t.match(await run(t, ['doctor', '--nothing']), { code: 2, out: '', err: /no such option/ })
  t.match(await run(t, ['doctor', 'K']), { code: 2, out: '' })
})

t.test('It says under what it runs, where that decides which folder it is', async (t) => {
  const { cwd, dir } = project(t)
  await store(t, dir)
  const noteOf = ({ of }: { of: (check: string) => JsonFinding[] }) =>
    of('place').find(({ what }) => /working folder/.test(what))
  t.match(noteOf(await examine(t, [], { cwd, env: { pm_id: '0' } })), {
    level: 'note',
    what: /under pm2/,
    mend: new RegExp(`DOTDOG_DIR=${dir}`),
  })
  const named = await examine(t, [], { cwd: '/', env: { pm_id: '0', DOTDOG_DIR: dir } })
  t.equal(noteOf(named), undefined)
  t.match(
    named.findings.filter(({ check }) => check === 'place'),
    [
      { dir, reason: 'environment' },
      { level: 'ok', what: /under pm2/ },
    ],
  )
  const configured = project(t, { dir: 'values' })
  const other = await examine(t, [], { cwd: configured.cwd, env: { DOTDOG_DIR: dir } })
  t.ok(other.of('place').some(({ what, level }) => level === 'note' && what.includes(`DOTDOG_DIR is ${dir}`)))
})

t.test('A pipe gets no colours, and one that is closed early is no failure', async (t) => {
  const { cwd, dir } = project(t, { keys: {} })
  await store(t, dir)
  const { code, out, err } = await run(t, ['doctor'], { cwd })
  t.same([code, err], [0, ''])
  t.match(out, /^ok {7}configuration: /)
  t.match(out, /\n0 serious, \d notes?\n$/)
  t.notOk(out.includes(ESCAPE))
  const closed = start(t, ['doctor'], { cwd })
  closed.child.stdout!.destroy()
  t.equal(await closed.exited, 0)
  t.equal(closed.err(), '')
})

t.test('Where LANG is zh it speaks Chinese', async (t) => {
  const { cwd } = project(t, { keys: { K: { command: [] } } })
  const { code, out } = await run(t, ['doctor'], { cwd, env: { LANG: 'zh_CN.UTF-8' } })
  t.equal(code, 1)
  t.match(out, /^严重 {5}configuration: /)
  t.match(out, /→ 请改正/)
  t.match(out, /严重 1 项，注意 \d 项\n$/)
})

t.test('A terminal has colours and lines that fit it, but no colours with NO_COLOR', { skip: !hasTerminals }, async (t) => {
  const { cwd } = project(t, { keys: { K: { command: [] } } })
  for (const [env, isColored] of [
    [{}, true],
    [{ NO_COLOR: '1' }, false],
    [{ TERM: 'dumb' }, false],
  ] as const) {
    const terminal = openTerminal(t, ['doctor'], { cwd, env, columns: 50 })
    t.equal(await terminal.exited, 1)
    const shown = terminal.shown()
    t.equal(shown.includes(`${ESCAPE}[31mSERIOUS`), isColored)
    const plain = shown.replaceAll(new RegExp(`${ESCAPE}\\[\\d+m`, 'g'), '')
    for (const line of plain.split(/\r?\n/)) t.ok(line.length <= 50, line)
  }
})

t.test('Ctrl-C and SIGTERM end it', { skip: !hasTerminals }, async (t) => {
  // The command never gives its secret.
  const { cwd } = project(t, { encryptionKey: { command: ['sleep', '5'] }, keys: {} })
  const terminal = openTerminal(t, ['doctor'], { cwd })
  await new Promise((resolve) => setTimeout(resolve, 500))
  terminal.type('\x03')
  t.equal(await terminal.exited, 130)
  const { child, exited } = start(t, ['doctor'], { cwd })
  await new Promise((resolve) => setTimeout(resolve, 500))
  child.kill('SIGTERM')
  t.ok(['SIGTERM', 143].includes(await exited))
})

t.test('The help has an example, and completion knows the command', async (t) => {
  t.match(await run(t, ['help', 'doctor']), { code: 0, out: /Example:\n {2}dotdog doctor/ })
  for (const shell of ['bash', 'zsh', 'fish']) t.match((await run(t, ['completion', shell])).out, /doctor.*--json/)
  const text = readFileSync(join(import.meta.dirname, '../../docs/program.md'), 'utf8')
  t.match(text, /dotdog doctor/)
})
