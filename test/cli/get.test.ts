import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fakeWeChat } from '../../src/testing/index.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { startUpstream } from '../support/upstream.js'
import { configured, program, run } from './setup.js'

/** A configuration with the key TOKEN of an upstream. */
async function withUpstream(t: Test, options: { delay?: number } = {}) {
  const upstream = await startUpstream(options)
  t.teardown(() => upstream.close())
  const http = { url: upstream.url, value: '/value', expiresIn: '/expiresIn' }
  return { upstream, ...configured(t, { keys: { TOKEN: { http } } }) }
}

t.test('`get` prints the value and a line break, and nothing else; -n leaves the line break out', async (t) => {
  const { folder, upstream } = await withUpstream(t)
  t.same(await run(t, ['get', 'TOKEN'], { cwd: folder }), { code: 0, out: 'token-1-of-the-upstream\n', err: '' })
  t.same(await run(t, ['get', '-n', 'TOKEN'], { cwd: folder }), { code: 0, out: 'token-1-of-the-upstream', err: '' })
  t.equal(upstream.count, 1)
  const { out } = await run(t, ['get', 'TOKEN', '--json'], { cwd: folder })
  const { key, value, expiresAt, generation } = JSON.parse(out)
  t.same([key, value], ['TOKEN', 'token-1-of-the-upstream'])
  t.ok(expiresAt > Date.now() + 7000e3 && expiresAt < Date.now() + 7300e3)
  t.equal(generation, JSON.parse(readFileSync(join(folder, '.dog/TOKEN.dog'), 'utf8')).generation)
  t.match(await run(t, ['get', 'TOKEN', '--min-ttl', '7201'], { cwd: folder }), { code: 0, out: 'token-2-of-the-upstream\n' })
  t.equal(upstream.count, 2)
  t.match(await run(t, ['get', 'TOKEN', '--min-ttl', 'x'], { cwd: folder }), { code: 2, out: '' })
})

t.test('`get` prints a value that is an object as JSON, and --field one member of it', async (t) => {
  const print = `console.log(JSON.stringify({ value: { access: 'a', more: [{ 'x/y': 1 }] }, expiresIn: 60 }))`
  const { folder } = configured(t, { keys: { PAIR: { command: [process.execPath, '-e', print] } } })
  const get = (...args: string[]) => run(t, ['get', 'PAIR', ...args], { cwd: folder })
  t.match(await get(), { code: 0, out: '{"access":"a","more":[{"x/y":1}]}\n' })
  t.match(await get('--field', 'access'), { code: 0, out: 'a\n' })
  t.match(await get('--field', '/more/0/x~1y'), { code: 0, out: '1\n' })
  for (const field of ['nope', '/more/1', 'toString', '/access/length']) {
    t.match(await get('--field', field), { code: 1, out: '', err: /has no such field/ })
  }
})

t.test('Exit code 1: there is no value, with a hint in English or Chinese', async (t) => {
  const { folder } = configured(t, { keys: {} })
  const none = await run(t, ['get', 'TOKEN'], { cwd: folder })
  t.match(none, { code: 1, out: '', err: /^dotdog: .*no fetcher.*\nNothing here knows how to fetch this key/ })
  for (const env of [{ LANG: 'zh_CN.UTF-8' }, { LC_ALL: 'zh_TW' }] as Record<string, string>[]) {
    t.match(await run(t, ['get', 'TOKEN'], { cwd: folder, env }), { code: 1, err: /\n本机没有获取此键的方法/ })
  }
  t.notMatch((await run(t, ['get', 'TOKEN'], { cwd: folder, env: { LANG: 'zh_CN', LC_ALL: 'C' } })).err, /本机/)
})

t.test('Exit code 3: the upstream or the store cannot be reached', async (t) => {
  const dead = 'http://127.0.0.1:9/'
  const wechat = { appId: 'wx0123456789abcdef', appSecret: { env: 'SECRET' }, baseUrl: dead }
  const { folder, path, write } = configured(t, { keys: { A_ACCESS_TOKEN: { wechat } } })
  const options = { cwd: folder, env: { SECRET: 's3cret-value' } }
  const got = await run(t, ['get', 'A_ACCESS_TOKEN'], options)
  t.equal(got.code, 3, got.err)
  t.notMatch(got.err, /s3cret/)
  const gone = await startUpstream()
  await gone.close()
  const grant = { tokenUrl: gone.url, clientId: 'id', clientSecret: { env: 'SECRET' } }
  write(JSON.stringify({ keys: { H: { http: { url: gone.url }, expiresIn: 5 }, O: { oauth2: grant } } }))
  for (const key of ['H', 'O']) t.match(await run(t, ['get', key], options), { code: 3, out: '', err: /ECONNREFUSED/ }, key)
  write(JSON.stringify({ store: 'dotdog+http://127.0.0.1:9', keys: {} }))
  t.match(await run(t, ['get', 'TOKEN', '--config', path]), { code: 3, out: '' })
})

t.test('A fresh value is printed although no secret is there and the configuration has a mistake elsewhere', async (t) => {
  const fake = await fakeWeChat({})
  t.teardown(() => fake.close())
  const wechat = { appId: fake.appId, appSecret: { env: 'SECRET' }, baseUrl: fake.url }
  const { folder, write } = configured(t, { keys: { A_ACCESS_TOKEN: { wechat } } })
  const first = await run(t, ['get', 'A_ACCESS_TOKEN'], { cwd: folder, env: { SECRET: fake.appSecret } })
  t.equal(first.code, 0, first.err)
  t.same(await run(t, ['get', 'A_ACCESS_TOKEN'], { cwd: folder }), first)
  write(JSON.stringify({ keys: { A_ACCESS_TOKEN: { wechat }, B: { comand: [] } } }))
  t.same(await run(t, ['get', 'A_ACCESS_TOKEN'], { cwd: folder }), first)
  // Another account's value is never printed.
  write(JSON.stringify({ keys: { A_ACCESS_TOKEN: { wechat: { ...wechat, appId: 'wxother' } } } }))
  t.match(await run(t, ['get', 'A_ACCESS_TOKEN'], { cwd: folder }), { code: 1, out: '', err: /another account|identity/i })
})

t.test("WX_APPID and WX_APPSECRET are enough for a newcomer's first token", async (t) => {
  const fake = await fakeWeChat({})
  t.teardown(() => fake.close())
  const cwd = temporaryFolder(t)
  const env = { HOME: cwd, WX_APPID: fake.appId, WX_APPSECRET: fake.appSecret, WX_BASE_URL: fake.url }
  const first = await run(t, ['get', 'ACCESS_TOKEN'], { cwd, env })
  t.equal(first.code, 0, first.err)
  t.equal(first.out, (await run(t, ['get', 'ACCESS_TOKEN'], { cwd: temporaryFolder(t), env })).out)
  t.match(await run(t, ['get', 'JSAPI_TICKET'], { cwd, env }), { code: 0, err: '' })
  t.equal(fake.count.token, 1)
})

t.test('64 `dotdog get` at once from a cold folder make one fetch, and all are answered', { timeout: 120_000 }, async (t) => {
  const { folder, upstream } = await withUpstream(t, { delay: 300 })
  const all = await Promise.all(Array.from({ length: 64 }, () => run(t, ['get', 'TOKEN'], { cwd: folder })))
  for (const one of all) t.same(one, { code: 0, out: 'token-1-of-the-upstream\n', err: '' })
  t.equal(upstream.count, 1)
})

t.test('A reader that closes its pipe early is no failure', async (t) => {
  const value = 'v'.repeat(300_000)
  const folder = temporaryFolder(t)
  const big = await run(t, ['set', 'BIG', '--dir', folder], { input: value })
  t.equal(big.code, 0, big.err)
  t.equal((await run(t, ['get', 'BIG', '--dir', folder])).out, `${value}\n`)
  for (const args of [['get', 'BIG', '--dir', folder], ['help'], ['config', 'schema'], ['status', '--dir', folder]]) {
    const child = spawn(process.execPath, [program, ...args], { env: { PATH: process.env.PATH } })
    child.stdout.destroy()
    let err = ''
    child.stderr.on('data', (chunk) => (err += chunk))
    t.same([...(await once(child, 'close')), err], [0, null, ''], String(args[0]))
  }
})

t.test('SIGTERM and SIGINT during a fetch end `get` at once, and the next one fetches', async (t) => {
  const { folder, upstream } = await withUpstream(t, { delay: 60_000 })
  for (const [signal, number] of [
    ['SIGTERM', 15],
    ['SIGINT', 2],
  ] as const) {
    const child = spawn(process.execPath, [program, 'get', 'TOKEN'], { cwd: folder, env: { PATH: process.env.PATH } })
    await upstream.asked()
    child.kill(signal)
    const [code, by] = await once(child, 'close')
    t.ok(by === signal || code === 128 + number, `${code} ${by}`)
  }
  upstream.delay = 10
  t.match(await run(t, ['get', 'TOKEN'], { cwd: folder }), { code: 0, out: /^token-3-/ })
})

t.test('A folder of the DOTDOG_DIR variable has values of any program', async (t) => {
  const folder = temporaryFolder(t)
  const record = {
    dotdog: 1,
    key: 'K',
    value: 'by-another',
    fetchedAt: Date.now(),
    expiresAt: Date.now() + 60e3,
    ahead: 5,
    generation: 1,
  }
  writeFileSync(join(folder, 'K.dog'), JSON.stringify(record), { mode: 0o600 })
  t.match(await run(t, ['get', 'K'], { cwd: temporaryFolder(t), env: { DOTDOG_DIR: folder } }), {
    code: 0,
    out: 'by-another\n',
  })
})
