/** dotdog-fake-wechat: the built program. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'

const root = join(import.meta.dirname, '../..')
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const program = join(root, bin['dotdog-fake-wechat'])

interface Started {
  child: ChildProcess
  out: () => string
  err: () => string
  /** Resolves with the match as soon as the output contains it. */
  printed: (pattern: RegExp) => Promise<RegExpExecArray>
  /** The exit code, or the signal that killed the process. */
  exited: Promise<number | string>
}

function start(t: Test, args: string[] = [], env: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, [program, ...args], { env: { PATH: process.env.PATH, ...env } })
  t.teardown(() => child.exitCode === null && child.kill('SIGKILL'))
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  const exited = once(child, 'close').then(([code, signal]) => code ?? signal)
  async function printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(out)
      if (match) return match
      const ended = await Promise.race([once(child.stdout, 'data').then(() => false), exited.then(() => true)])
      if (ended && !pattern.test(out)) throw new Error(`the program ended: ${err}`)
    }
  }
  return { child, out: () => out, err: () => err, printed, exited }
}

const json = async (url: string, init?: RequestInit) => (await (await fetch(url, init)).json()) as Record<string, unknown>

t.test(
  'The program prints its address, serves, and exits with 0 on SIGINT and SIGTERM, even with a pending response',
  async (t) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const { child, printed, exited, err } = start(t, ['--delay', '1'])
      const [, url] = await printed(/listens at (http:\/\/127\.0\.0\.1:\d+)$/m)
      const [, appid] = await printed(/^ +appid +(\w+)$/m)
      const [, secret] = await printed(/^ +secret +(\w{32}) {2}\(random\)$/m)
      await printed(/Ctrl-C/)
      const token = await json(`${url}/cgi-bin/token?grant_type=client_credential&appid=${appid}&secret=${secret}`)
      t.match(token, { expires_in: 7200 })
      await fetch(`${url}/_fake/fail`, { method: 'POST', body: '["call", "slow"]' })
      const waiting = fetch(`${url}/cgi-bin/getcallbackip`).catch(() => 'cut')
      // The first request has arrived when a second one is answered.
      await json(`${url}/_fake`)
      child.kill(signal)
      t.equal(await exited, 0, signal)
      t.equal(await waiting, 'cut')
      t.equal(err(), '')
    }
  },
)

t.test('The curl commands that it prints work when they are pasted into a shell', async (t) => {
  const { printed, child, exited } = start(t, [], { FAKE_APPSECRET: 'of-the-environment' })
  const [, line] = await printed(/^ +(curl "[^"]+\/stable_token" .*)$/m)
  await printed(/Ctrl-C/)
  const env = { PATH: process.env.PATH, FAKE_APPSECRET: 'of-the-environment' }
  const shell = spawn('sh', ['-c', line!.replace(/^curl/, 'printf "%s\\n"')], { env })
  const [url, , body] = String(await once(shell.stdout, 'data').then(([chunk]) => chunk)).split('\n')
  t.match(await json(url!, { method: 'POST', body }), { expires_in: 7200 })
  child.kill()
  t.equal(await exited, 0)
})

t.test('An AppSecret from the environment or the arguments is used and never printed', async (t) => {
  for (const [args, env, source] of [
    [[], { FAKE_APPSECRET: 'sesame-sesame', FAKE_APPID: 'wx7' }, 'from FAKE_APPSECRET'],
    [['--secret', 'sesame-sesame', '--appid', 'wx7'], {}, 'from --secret'],
  ] as const) {
    const { printed, out, child, exited } = start(t, ['--log', ...args], env)
    const [, url] = await printed(/listens at (\S+)/)
    t.match(await json(`${url}/cgi-bin/token?grant_type=client_credential&appid=wx7&secret=sesame-sesame`), {
      expires_in: 7200,
    })
    t.match(await json(`${url}/cgi-bin/token?appid=wx7&secret=x`), { errcode: 40125 })
    await printed(
      /^\d\d:\d\d:\d\d GET \/cgi-bin\/token ok [0-9a-f-]{26}\n.* GET \/cgi-bin\/token errcode 40125 [0-9a-f-]{26}$/m,
    )
    t.match(out(), source)
    t.notOk(out().includes('sesame'))
    child.kill()
    t.equal(await exited, 0)
  }
})

t.test('The arguments set the account, its whitelist, the client address and the lifetime of tokens', async (t) => {
  const args = ['--mini', '--whitelist', '1.2.3.*,5.6.7.8', '--client-ip', '1.2.3.9', '--ttl', '60', '--secret', 's']
  const { printed, child } = start(t, [...args, '--appid', 'wx7', '--risk'])
  const [, url] = await printed(/listens at (\S+)/)
  const ask = (headers = {}) =>
    json(`${url}/cgi-bin/token?grant_type=client_credential&appid=wx7&secret=s`, { headers: { ...headers } })
  t.match(await ask({ 'x-fake-client-ip': '5.6.7.9' }), { errcode: 40164 })
  t.match(await ask(), { errcode: 89503 })
  t.match(await json(`${url}/_fake/confirm`, { method: 'POST' }), { result: ['1.2.3.9'] })
  t.match(await ask(), { expires_in: 60 })
  child.kill()
})

t.test('--help explains every option and starts nothing', async (t) => {
  const { out, exited } = start(t, ['--help'])
  t.equal(await exited, 0)
  const source = readFileSync(join(root, 'src/testing/cli.ts'), 'utf8')
  const names = [...source.matchAll(/(?:[{ ]|')([a-z-]+)'?: (?:text|flag|\{ type)/g)].map(([, name]) => name)
  t.ok(names.length >= 15, names.join())
  for (const name of names) t.ok(out().includes(`--${name}`), `--${name}`)
  t.ok(
    out()
      .split('\n')
      .every((line) => line.length <= 120),
  )
})

t.test('A wrong argument prints one line that explains it, and exits with 2', async (t) => {
  for (const [args, message] of [
    [['--nonsense'], /^Unknown option '--nonsense'.*\nTry --help\.\n$/],
    [['--ttl', 'long'], /^ttl must be a number, at least 0\.001; got NaN \(number\)\nTry --help\.\n$/],
    [['--port', ''], /^port must be a number/],
    [['--kind', 'shop'], /^kind must be 'official' or 'mini'; got "shop" \(string\)/],
    [['--whitelist', '1.2.3.*'], /^a whitelist entry \(account kind official\) must be like/],
  ] as const) {
    const { err, exited } = start(t, [...args])
    t.equal(await exited, 2, args.join(' '))
    t.match(err(), message)
  }
})

t.test('A port that is in use prints one line, and exits with 1', async (t) => {
  const { printed, child } = start(t)
  const [, port] = await printed(/127\.0\.0\.1:(\d+)$/m)
  const second = start(t, ['--port', port!])
  t.equal(await second.exited, 1)
  t.match(second.err(), /^listen EADDRINUSE: address already in use 127\.0\.0\.1:\d+\n$/)
  child.kill()
})

t.test('The built file is executable and starts with a shebang', async (t) => {
  t.equal(readFileSync(program, 'utf8').split('\n')[0], '#!/usr/bin/env node')
  t.ok(statSync(program).mode & 0o100)
})
