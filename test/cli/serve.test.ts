import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fakeWeChat } from '../../src/testing/index.js'
import { ask, newClient, pause } from '../server/setup.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { startUpstream } from '../support/upstream.js'
import { built, configured, run, start } from './setup.js'

const module = (url: string) => `
  const ask = async ({ signal }) => (await fetch(${JSON.stringify(url)}, { signal })).json()
`

t.test('dotdog serve serves the keys of a CommonJS or ES module, and exits with code 0 on SIGINT and SIGTERM', async (t) => {
  const upstream = await startUpstream({ delay: 10 })
  t.teardown(() => upstream.close())
  const styles = {
    'keys.cjs': `${module(upstream.url)}\nmodule.exports = (dog) => { dog.init('TOKEN', ask) }`,
    'keys.mjs': `${module(upstream.url)}\nawait null\nexport default (dog) => { dog.init('TOKEN', ask) }`,
    'plain.cjs': `${module(upstream.url)}\nrequire(${JSON.stringify(built)}).init('TOKEN', ask)`,
  }
  for (const [name, text] of Object.entries(styles)) {
    const signal = name.endsWith('cjs') ? 'SIGTERM' : 'SIGINT'
    const { folder, path, socket } = configured(t, { listen: { socket: 's' }, dir: 'd', module: name })
    writeFileSync(join(folder, name), text)
    const { child, printed, exited, err, out } = start(t, ['serve', '--config', path, '--log'])
    await printed(/^dotdog serves at unix:.*\/s$/m)
    t.equal(lstatSync(join(folder, 's')).mode & 0o777, 0o600)
    const { json } = await ask(socket, '/v1/keys/TOKEN?x=do-not-log')
    t.match(json.value, /^token-\d+-of-the-upstream$/, name)
    t.match(readFileSync(join(folder, 'd/TOKEN.dog'), 'utf8'), /of-the-upstream/)
    const poll = ask(socket, `/v1/keys/TOKEN?since=${json.generation}&wait=60`)
    await pause(50)
    child.kill(signal)
    t.equal((await poll).status, 503)
    t.equal(await exited, 0, signal)
    t.equal(err(), '')
    t.match(out(), /GET key "TOKEN" local 200 [\d.]+ms -$/m)
    t.notMatch(out(), /do-not-log|of-the-upstream/)
  }
})

t.test('Without a dir, dotdog serve keeps its files beside its configuration, from wherever it is started', async (t) => {
  const upstream = await startUpstream({ delay: 10 })
  t.teardown(() => upstream.close())
  const elsewhere = temporaryFolder(t)
  const { folder, path, socket } = configured(t, { listen: { socket: 's' }, module: 'keys.cjs' })
  writeFileSync(join(folder, 'keys.cjs'), `${module(upstream.url)}\nmodule.exports = (dog) => { dog.init('TOKEN', ask) }`)
  const { child, printed, exited, err } = start(t, ['serve', '--config', path], { cwd: elsewhere })
  await printed(/serves at/)
  const { json } = await ask(socket, '/v1/keys/TOKEN')
  t.equal(JSON.parse(readFileSync(join(folder, '.dog/TOKEN.dog'), 'utf8')).value, json.value)
  const env = { DOTDOG_DIR: elsewhere }
  t.match(await run(t, ['get', 'TOKEN', '--config', path], { env }), { code: 0, out: `${json.value}\n` }, 'as the others do')
  child.kill('SIGTERM')
  t.equal(await exited, 0)
  const again = start(t, ['serve', '--config', path], { cwd: elsewhere, env })
  await again.printed(/serves at/)
  t.equal((await ask(socket, '/v1/keys/TOKEN')).json.value, json.value, 'whatever DOTDOG_DIR says')
  again.child.kill('SIGTERM')
  await again.exited
  const other = start(t, ['serve', '--config', path, '--dir', 'here'], { cwd: elsewhere })
  await other.printed(/serves at/)
  t.not((await ask(socket, '/v1/keys/TOKEN')).json.value, json.value)
  t.ok(lstatSync(join(elsewhere, 'here/TOKEN.dog')).isFile(), '--dir comes first')
  other.child.kill('SIGTERM')
  await other.exited
  t.equal(err(), '')
})

t.test('For WeChat alone, two variables of the environment are enough for dotdog serve', async (t) => {
  const fake = await fakeWeChat({})
  t.teardown(() => fake.close())
  const cwd = temporaryFolder(t)
  const env = { HOME: cwd, WX_APPID: fake.appId, WX_APPSECRET: fake.appSecret, WX_BASE_URL: fake.url }
  const { child, printed, exited } = start(t, ['serve', '--socket', 's'], { cwd, env })
  await printed(/serves at/)
  const { json } = await ask(`unix:${join(cwd, 's')}`, '/v1/keys/ACCESS_TOKEN')
  t.match(await run(t, ['get', 'ACCESS_TOKEN'], { cwd, env }), { code: 0, out: `${json.value}\n` })
  child.kill('SIGTERM')
  t.equal(await exited, 0)
})

t.test('A fetch under way when the signal arrives is finished, answered and stored', async (t) => {
  const upstream = await startUpstream({ delay: 800 })
  t.teardown(() => upstream.close())
  const { folder, path, socket } = configured(t, { listen: { socket: 's' }, dir: 'd', module: 'keys.cjs' })
  writeFileSync(join(folder, 'keys.cjs'), `${module(upstream.url)}\nmodule.exports = (dog) => { dog.init('TOKEN', ask) }`)
  const { child, printed, exited } = start(t, ['serve', '--config', path])
  await printed(/serves at/)
  const answer = ask(socket, '/v1/keys/TOKEN')
  await upstream.asked()
  child.kill('SIGTERM')
  t.equal((await answer).json.value, 'token-1-of-the-upstream')
  t.equal(await exited, 0)
  t.match(readFileSync(join(folder, 'd/TOKEN.dog'), 'utf8'), /token-1-of-the-upstream/)
  t.equal(upstream.count, 1)
})

t.test('WeChat accounts are registered with secrets read from the environment or from a file', async (t) => {
  const fake = await fakeWeChat({})
  t.teardown(() => fake.close())
  const some = newClient('some')
  const account = { appId: fake.appId, baseUrl: fake.url }
  const { folder, path } = configured(t, {
    ...{ listen: { port: 0 }, dir: 'd', clients: [some.config] },
    wechat: [
      { ...account, appSecret: { env: 'THE_SECRET' }, prefix: 'A_', stable: true },
      { ...account, appSecret: { file: 'secret.txt' }, prefix: 'B_', stable: true },
    ],
  })
  writeFileSync(join(folder, 'secret.txt'), `${fake.appSecret}\n`, { mode: 0o600 })
  const { printed, out, err } = start(t, ['serve', '--config', path], { env: { THE_SECRET: fake.appSecret } })
  const [, address] = await printed(/serves at (http:\/\/127\.0\.0\.1:\d+)$/m)
  const [a, b] = await Promise.all(['A_', 'B_'].map((prefix) => ask(address!, `/v1/keys/${prefix}ACCESS_TOKEN_STABLE`, some)))
  t.equal(a!.status, 200)
  t.equal(a!.json.value, b!.json.value, 'one account has one stable token')
  t.equal((await ask(address!, '/v1/keys/A_JSAPI_TICKET', some)).status, 200)
  t.equal((await ask(address!, '/v1/keys/A_JSAPI_TICKET')).status, 401)
  t.notOk((out() + err()).includes(fake.appSecret))
})

t.test('A change of the configuration file replaces the clients; a broken file is reported and changes nothing', async (t) => {
  const [old, kept, added] = [newClient('old'), newClient('kept'), newClient('added')]
  const config = { listen: { port: 0 }, dir: 'd', module: 'keys.cjs', clients: [old.config, kept.config] }
  const { folder, path, write } = configured(t, config)
  writeFileSync(
    join(folder, 'keys.cjs'),
    `module.exports = (dog) => { dog.init('TOKEN', async () => ({ value: 'marked-value', expiresIn: 60 })) }`,
  )
  const { printed, out, err } = start(t, ['serve', '--config', path])
  const [, address] = await printed(/serves at (http:.*)$/m)
  const { generation } = (await ask(address!, '/v1/keys/TOKEN', old)).json
  const poll = ask(address!, `/v1/keys/TOKEN?since=${generation}&wait=60`, old)
  const stream = ask(address!, '/v1/events', old)
  await pause(100)
  write('{ "clients": [')
  await printed(/not taken over: .*is not JSON/)
  write(JSON.stringify({ ...config, clients: [{ ...old.config, tokenSha256: 'nope' }] }))
  await printed(/not taken over: .*tokenSha256/)
  t.equal((await ask(address!, '/v1/keys/TOKEN', old)).status, 200)
  write(JSON.stringify({ ...config, clients: [kept.config, added.config] }))
  t.equal((await poll).status, 401)
  t.equal((await stream).status, 200, 'the stream ended')
  t.strictSame(
    await Promise.all([old, kept, added].map(async (client) => (await ask(address!, '/v1/keys/TOKEN', client)).status)),
    [401, 200, 200],
  )
  for (const secret of ['marked-value', old.token, kept.token, added.token]) t.notOk((out() + err()).includes(secret))
})

t.test('The clients follow a file behind symbolic links that are swapped, as Kubernetes does', async (t) => {
  const [old, added] = [newClient('old'), newClient('added')]
  const config = { listen: { port: 0 }, dir: 'd', module: 'keys.cjs', clients: [old.config] }
  const { folder } = configured(t, config)
  const put = (version: string, clients: object[]) => {
    mkdirSync(join(folder, version))
    writeFileSync(join(folder, version, 'linked.json'), JSON.stringify({ ...config, clients }))
    symlinkSync(version, join(folder, `${version}.link`))
    renameSync(join(folder, `${version}.link`), join(folder, '..data'))
  }
  writeFileSync(join(folder, 'keys.cjs'), `module.exports = (dog) => dog.init('TOKEN', () => ({ value: 'v', expiresIn: 60 }))`)
  put('..1', [old.config])
  symlinkSync(join('..data', 'linked.json'), join(folder, 'linked.json'))
  const { printed, err } = start(t, ['serve', '--config', join(folder, 'linked.json')])
  const [, address] = await printed(/serves at (http:.*)$/m)
  const status = async (client: typeof old) => (await ask(address!, '/v1/keys/TOKEN', client)).status
  t.equal(await status(old), 200, err())
  const begun = performance.now()
  for (let round = 2; round < 10; round++) {
    const [next, last] = round % 2 ? [old, added] : [added, old]
    put(`..${round}`, [next.config])
    while ((await status(last)) !== 401) await pause(20)
    t.equal(await status(next), 200)
  }
  const ms = (performance.now() - begun) / 8
  t.ok(ms < 500, `seen after ${Math.round(ms)} ms: not by the poll every 2 s`)

  // A link that leads nowhere does not end the server.
  symlinkSync('linked.json', join(folder, 'circle.json'))
  renameSync(join(folder, 'circle.json'), join(folder, 'linked.json'))
  await pause(400)
  t.equal(await status(old), 200)
})

t.test('A wrong configuration exits with code 2, names what is wrong, and repeats no secret', async (t) => {
  const wrong: [object | string, RegExp][] = [
    ['{ "appSecret": "s3cret-value"', /is not JSON/],
    [{ nope: 1 }, /:1:2: unknown option of the configuration; there are/],
    [{ listen: { prot: 1 } }, /unknown option "prot" of listen; did you mean "port"\?/],
    [{ listen: { port: '80' } }, /listen\.port must be a number/],
    [{ dir: 'd', listen: { port: 0 } }, /clients must be given/],
    [{ dir: 'd', listen: { port: 0, socket: 's' } }, /clients must be given/],
    [{ dir: 'd', listen: { port: 0, host: '0.0.0.0' }, clients: [] }, /tls or behindProxy/],
    [{ dir: 'd', listen: { port: 99_999 } }, /listen\.port must be a whole number from 0 to 65535, such as 8080/],
    [{ dir: 'd', listen: { host: '0.0.0.0' } }, /listen\.host needs a listen\.port/],
    [{ dir: 'd', listen: { socket: 's', socketMode: '999' } }, /listen\.socketMode must be an octal mode, such as "0660"/],
    [
      { dir: 'd', listen: { socket: 's', socketGroup: 'no-such-group' } },
      /listen\.socketGroup: \/etc\/group has no no-such-group/,
    ],
    [{ dir: 'd', listen: { tlsCert: 'x' } }, /listen\.tlsCert needs a listen\.tlsKey/],
    [{ dir: 'd', listen: { tlsCert: 'x', tlsKey: 'y' } }, /listen\.tlsCert: .*x cannot be read \(ENOENT\)/],
    [{}, /names no keys; write "wechat": .* or "module": "\.\/keys\.js" into it/],
    [
      { wechat: [{ appId: 'wx1', appSecret: 's3cret-value' }] },
      /must be \{"env": "NAME"\}, \{"file": "path"\} or .*, not the secret itself/,
    ],
    [{ wechat: [{ appId: 'wx1', appSecret: { env: 'NOT_THERE' } }] }, /no NOT_THERE/],
    [{ wechat: [{ appId: 'wx1', appSecret: { file: 'nowhere' } }] }, /cannot be read \(ENOENT\)/],
    [{ wechat: [{ appSecret: { env: 'X' } }] }, /wechat\[0\]\.appId must be a string that is not empty; got undefined/],
    [{ clients: [{ name: 'x', token: 's3cret-value' }] }, /unknown option of clients\[0\]; there are name/],
    [{ clients: {} }, /clients must be a list/],
    [
      { wechat: ['wx1', 'wx2'].map((appId) => ({ appId, appSecret: { env: 'PATH' } })) },
      /wechat\[1\]\.prefix: the accounts wx1 and wx2 would both use .* "prefix": "SHOP_"/,
    ],
  ]
  await Promise.all(
    wrong.map(async ([config, message]) => {
      const { folder, path, write } = configured(t, {})
      write(typeof config === 'string' ? config : JSON.stringify(config))
      const { code, out, err } = await run(t, ['serve', '--config', path], { cwd: folder })
      t.equal(code, 2, `${message}: ${err}`)
      t.match(err, message)
      t.notMatch(err + out, /s3cret/)
    }),
  )
  t.match(await run(t, ['serve', '--config', '/nowhere/at/all.json']), { code: 2, err: /cannot be read \(ENOENT\)/ })
})

t.test('A module that fails and a socket that is in use exit with code 1', async (t) => {
  const { folder, path } = configured(t, { listen: { socket: 's' }, dir: 'd', module: 'keys.cjs' })
  writeFileSync(join(folder, 'keys.cjs'), `throw new Error('cannot: https://x.example/?secret=do-not-tell')`)
  const failed = await run(t, ['serve', '--config', path])
  t.match(failed, { code: 1, err: /keys\.cjs failed: cannot/ })
  t.notMatch(failed.err, /do-not-tell/)
  mkdirSync(join(folder, 'd'), { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, 'keys.cjs'), 'module.exports = () => {}')
  const first = start(t, ['serve', '--config', path])
  await first.printed(/serves at/)
  t.match(await run(t, ['serve', '--config', path]), { code: 1, err: /alive/ })
  first.child.kill('SIGKILL')
  await first.exited
  const next = start(t, ['serve', '--config', path])
  await next.printed(/serves at/)
})

t.test('An unknown member anywhere in the configuration exits with code 2 and suggests the nearest name', async (t) => {
  const account = { appId: 'wx1', appSecret: { env: 'THE_SECRET' } }
  const cases: [object, string][] = [
    [{ modul: 'keys.cjs' }, 'unknown option "modul" of the configuration; did you mean "module"?'],
    [{ listen: { tlsCret: 'x' } }, 'unknown option "tlsCret" of listen; did you mean "tlsCert"?'],
    [{ wechat: [{ ...account, appid: 'x' }] }, 'unknown option "appid" of wechat[0]; did you mean "appId"?'],
    [
      { wechat: [{ ...account, appSecret: { flie: 's3cret' } }] },
      'unknown option "flie" of wechat[0].appSecret; did you mean "file"?',
    ],
    [{ clients: [{ nmae: 's3cret' }] }, 'unknown option "nmae" of clients[0]; did you mean "name"?'],
  ]
  await Promise.all(
    cases.map(async ([config, message]) => {
      const { folder, path } = configured(t, config)
      const { code, err } = await run(t, ['serve', '--config', path], { cwd: folder, env: { THE_SECRET: 'x' } })
      t.equal(code, 2)
      t.match(err, /^dotdog: \/.*\/dotdog\.config\.json:1:\d+: /)
      t.ok(err.includes(`: ${message}\n`), err)
    }),
  )
})

t.test('The configuration of a server may have comments, and is refused if others can write it', async (t) => {
  const upstream = await startUpstream({ delay: 1 })
  t.teardown(() => upstream.close())
  const http = { url: upstream.url, value: '/value', expiresIn: '/expiresIn' }
  const { folder, path, socket, write } = configured(t, {})
  write(`// A comment.\n${JSON.stringify({ listen: { socket: 's' }, dir: 'd', keys: { TOKEN: { http } } })}`)
  const { printed } = start(t, ['serve', '--config', path])
  await printed(/serves at/)
  t.equal((await ask(socket, '/v1/keys/TOKEN')).json.value, 'token-1-of-the-upstream')
  t.match(await run(t, ['get', 'TOKEN'], { cwd: folder }), { code: 0, out: 'token-1-of-the-upstream\n' })
  t.equal(upstream.count, 1)
  chmodSync(path, 0o666)
  t.match(await run(t, ['serve', '--config', path]), { code: 2, err: /can be written by others/ })
})
