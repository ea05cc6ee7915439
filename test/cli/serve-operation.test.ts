// What the operator of `dotdog serve` sees and does: failures and their end, signals, reloads,
// certificates, sockets.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createNetServer } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { fakeWeChat } from '../../src/testing/index.js'
import { ask, newClient } from '../server/setup.js'
import { makeCertificate } from '../support/certificate.js'
import { noOpenssl } from '../support/openssl.js'
import { until } from '../support/timing.js'
import { configured, program, run, start } from './setup.js'

/** A module whose fetcher fails while a file is there. */
const FAILING = `
  const { existsSync } = require('node:fs')
  let count = 0
  module.exports = (dog) => dog.init('TOKEN', async () => {
    if (existsSync(__dirname + '/down')) throw Object.assign(new Error('the upstream is down'), { retryAfter: 0.2 })
    return { value: 'value-' + ++count, expiresIn: 60 }
  })`

function withModule(t: Test, config: object = {}, text = FAILING) {
  const made = configured(t, { listen: { socket: 's' }, dir: 'd', module: 'keys.cjs', ...config })
  writeFileSync(join(made.folder, 'keys.cjs'), text)
  return made
}

const countOf = (text: string, pattern: RegExp): number => text.match(new RegExp(pattern, 'gm'))?.length ?? 0

t.test('A failure is logged once, with time, key and reason, and once more when it is over', async (t) => {
  const { folder, path, socket } = withModule(t)
  const { printed, err } = start(t, ['serve', '--config', path])
  await printed(/serves at/)
  writeFileSync(join(folder, 'down'), '')
  t.equal((await ask(socket, '/v1/keys/TOKEN')).status, 503)
  await printed(
    /^\d{4}-\d\d-\d\dT[\d:.]+Z dotdog: "TOKEN" failed \(ERR_DOG_FETCH\): .*the upstream is down What helps: The fetch failed\./m,
  )
  for (let round = 0; round < 4; round++) {
    await ask(socket, '/v1/keys/TOKEN')
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  t.equal(countOf(err(), /" failed \(/), 1, err())
  rmSync(join(folder, 'down'))
  await until(async () => (await ask(socket, '/v1/keys/TOKEN')).status === 200)
  await printed(/^\d{4}-\S+ dotdog: "TOKEN" works again after .+ and \d+ failed attempts$/m)
  t.equal(countOf(err(), /works again/), 1)
  t.notMatch(err(), /value-\d/)
})

t.test('With --log json each line is an object: requests with the client’s address, failures, and what is over', async (t) => {
  const shop = newClient('shop')
  const { folder, path } = withModule(t, { listen: { port: 0 }, clients: [shop.config] })
  writeFileSync(join(folder, 'down'), '')
  const { printed, out, err } = start(t, ['serve', '--config', path, '--log', 'json'])
  const [, address] = await printed(/"address":"(http:[^"]+)"/)
  await ask(address!, '/v1/keys/TOKEN', shop)
  await ask(address!, '/v1/keys/TOKEN')
  await printed(/"event":"failure"/)
  rmSync(join(folder, 'down'))
  await until(async () => (await ask(address!, '/v1/keys/TOKEN', shop)).status === 200)
  await printed(/"event":"recovery"/)
  const lines = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  const [refused, anonymous] = lines(out())
  const request = { event: 'request', time: /^\d{4}-/, route: 'key', key: 'TOKEN', address: '127.0.0.1' }
  t.match(refused, { ...request, client: 'shop', status: 503, reason: 'ERR_DOG_FETCH' })
  t.match(anonymous, { ...request, status: 401, reason: 'token missing' })
  const events = lines(err()).filter(({ key }) => key === 'TOKEN')
  t.match(events[0], {
    event: 'failure',
    level: 'error',
    code: 'ERR_DOG_FETCH',
    reason: /the upstream is down/,
    mend: /^The fetch failed/,
  })
  t.match(events[1], { event: 'recovery', level: 'info', failedForSeconds: Number })
})

t.test('A WeChat token that the platform refuses is answered, and logged, with what to do about it', async (t) => {
  const fake = await fakeWeChat({ clientIp: '203.0.113.7', account: { whitelist: ['198.51.100.1'] } })
  t.teardown(() => fake.close())
  const some = newClient('some')
  const wechat = [{ appId: fake.appId, baseUrl: fake.url, appSecret: { env: 'THE_SECRET' } }]
  const { path } = configured(t, { listen: { port: 0 }, dir: 'd', clients: [some.config], wechat })
  const { printed, err } = start(t, ['serve', '--config', path, '--log'], { env: { THE_SECRET: fake.appSecret } })
  const [, address] = await printed(/serves at (http:.*)$/m)
  const query = `grant_type=client_credential&appid=${fake.appId}&secret=${some.token}`
  t.match((await ask(address!, `/cgi-bin/token?${query}`)).json, { errcode: 40164 })
  await printed(/"ACCESS_TOKEN" failed \(ERR_DOG_FETCH\): .*Add 203\.0\.113\.7 to the IP whitelist/)
  await printed(/GET wechat_token "ACCESS_TOKEN" some 200 [\d.]+ms 127\.0\.0\.1 "40164 /)
  t.notOk(err().includes(fake.appSecret))
})

t.test('SIGHUP reloads clients and accounts, reports what it refuses, and ends nothing', async (t) => {
  const fake = await fakeWeChat({})
  t.teardown(() => fake.close())
  const [old, next] = [newClient('old'), newClient('next')]
  const wechat = [{ appId: fake.appId, baseUrl: fake.url, appSecret: { file: 'secret' } }]
  const config = { listen: { port: 0 }, dir: 'd', wechat, clients: [old.config] }
  const { folder, path, write } = configured(t, config)
  writeFileSync(join(folder, 'secret'), 'wrong-secret-of-the-account', { mode: 0o600 })
  const { child, printed, err } = start(t, ['serve', '--config', path])
  const [, address] = await printed(/serves at (http:.*)$/m)
  const status = async (client: typeof old) => (await ask(address!, '/v1/keys/ACCESS_TOKEN', client)).status
  t.equal(await status(old), 503)
  child.kill('SIGHUP')
  await printed(/reloaded: nothing else changed/)

  // The secret of the account is corrected: no restart is needed.
  writeFileSync(join(folder, 'secret'), fake.appSecret)
  child.kill('SIGHUP')
  await printed(/reloaded: wechat$/m)
  const forced = { ...old, method: 'POST', body: '{"force":true}' }
  t.equal((await ask(address!, '/v1/keys/ACCESS_TOKEN/refresh', forced)).status, 200)

  write(JSON.stringify({ ...config, listen: { port: 1 }, dir: 'other', clients: [next.config] }))
  child.kill('SIGHUP')
  await printed(/listen\.port: a change takes a restart; the old one goes on/)
  await printed(/dir: a change takes a restart/)
  await printed(/reloaded: clients$/m)
  t.strictSame([await status(old), await status(next)], [401, 200])
  write('{')
  child.kill('SIGHUP')
  await printed(/the configuration was not taken over: .*is not JSON.*; the old one goes on/)
  t.equal(await status(next), 200)
  t.equal(child.exitCode, null)
  t.notOk(err().includes(fake.appSecret))
})

t.test(
  'A certificate is taken over when its files change; a torn one changes nothing',
  { skip: noOpenssl ?? false },
  async (t) => {
    const some = newClient('some')
    const listen = { port: 0, tlsCert: 'tls/server.pem', tlsKey: 'tls/server.key' }
    const { folder, path } = withModule(t, { listen, clients: [some.config] })
    mkdirSync(join(folder, 'tls'))
    makeCertificate(join(folder, 'tls'), 'server')
    const { printed } = start(t, ['serve', '--config', path])
    const [, port] = await printed(/serves at https:\/\/127\.0\.0\.1:(\d+)$/m)
    const served = async () => {
      const socket = connectTls({ port: Number(port), host: '127.0.0.1', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      const { CN } = socket.getPeerCertificate().subject
      socket.destroy()
      return CN
    }
    t.equal(await served(), 'server')
    writeFileSync(join(folder, 'tls/server.pem'), 'torn')
    await printed(/the certificate: not taken over: tls: the certificate and its key do not fit .*; the old one goes on/)
    t.equal(await served(), 'server')

    // The whole folder is replaced, as a mounted secret may be.
    mkdirSync(join(folder, 'tls.new'))
    const { certFile, keyFile } = makeCertificate(join(folder, 'tls.new'), 'second')
    renameSync(certFile, join(folder, 'tls.new/server.pem'))
    renameSync(keyFile, join(folder, 'tls.new/server.key'))
    renameSync(join(folder, 'tls'), join(folder, 'tls.old'))
    renameSync(join(folder, 'tls.new'), join(folder, 'tls'))
    await until(async () => (await served()) === 'second')
    makeCertificate(join(folder, 'tls.old'), 'third')
    renameSync(join(folder, 'tls.old/third.key'), join(folder, 'tls/server.key'))
    renameSync(join(folder, 'tls.old/third.pem'), join(folder, 'tls/server.pem'))
    await until(async () => (await served()) === 'third', { what: 'the new folder is followed as well' })
  },
)

t.test('A port and a socket work together; the socket is the operator’s and has its mode and group', async (t) => {
  const some = newClient('some', { keys: ['OTHER'] })
  const group = process.getuid!() === 0 ? '12345' : String(process.getgid!())
  const listen = { port: 0, socket: 's', socketMode: '0660', socketGroup: group }
  const { folder, path, socket } = withModule(t, { listen, clients: [some.config] })
  const { child, printed, exited } = start(t, ['serve', '--config', path])
  const [, address] = await printed(/serves at (http:.*)$/m)
  await printed(/serves at unix:/)
  t.equal((await ask(address!, '/v1/keys/TOKEN')).status, 401)
  t.equal((await ask(socket, '/v1/keys/TOKEN')).status, 200)
  const { mode, gid } = lstatSync(join(folder, 's'))
  t.strictSame([mode & 0o777, String(gid)], [0o660, group])
  child.kill('SIGTERM')
  t.equal(await exited, 0)
})

t.test('A socket that systemd passes on is used, and beside a port it is the operator’s', async (t) => {
  const some = newClient('some')
  const { folder, path } = withModule(t, { listen: { port: 0 }, clients: [some.config] })
  const socketPath = join(folder, 'passed-on')
  const passed = createNetServer().listen(socketPath)
  await once(passed, 'listening')
  t.teardown(() => passed.close())
  const { fd } = (passed as never as { _handle: { fd: number } })._handle
  // LISTEN_PID is the process itself: a shell sets it and becomes the program.
  const command = `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`
  const child = spawn('sh', ['-c', command, process.execPath, program, 'serve', '--config', path], {
    stdio: ['ignore', 'pipe', 'inherit', fd],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout!.on('data', (chunk) => (out += chunk))
  await until(() => out.includes('serves at unix:fd:3'))
  // Closing would remove the file.
  renameSync(socketPath, join(folder, 'used'))
  passed.close()
  t.match(out, /serves at http:/)
  t.equal((await ask(`unix:${join(folder, 'used')}`, '/v1/keys/TOKEN')).status, 200)
})

t.test(
  'What cannot be listened at, and what names no key, ends with a sentence that names the member and the mend',
  async (t) => {
    const { folder, path } = withModule(t, { listen: { socket: 'missing/s' } })
    t.match(await run(t, ['serve', '--config', path]), {
      code: 1,
      err: /listen\.socket: the folder .*missing does not exist; make it \(mkdir -m 0750 .*missing\), or with systemd: RuntimeDirectory=/,
    })
    t.match(await run(t, ['serve', '--config', path, '--port', 'abc']), {
      code: 2,
      err: /--port must be a whole number from 0 to 65535/,
    })
    t.match(await run(t, ['serve', '--config', path, '--log', 'xml']), { code: 2 })
    const some = newClient('some')
    const busy = createNetServer().listen(0, '127.0.0.1')
    await once(busy, 'listening')
    t.teardown(() => busy.close())
    const { port } = busy.address() as { port: number }
    const taken = withModule(t, { listen: { port }, clients: [some.config] })
    t.match(await run(t, ['serve', '--config', taken.path]), {
      code: 1,
      err: /listen\.port: another program listens there; choose another port/,
    })
    t.match(await run(t, ['serve'], { cwd: join(folder, '..') }), {
      code: 2,
      err: /there is no dotdog\.config\.json here; write "wechat"/,
    })
    const none = withModule(t, {}, 'module.exports = { TOKEN: () => 1 }')
    t.match(await run(t, ['serve', '--config', none.path]), {
      code: 2,
      err: /module: .*keys\.cjs registers no key; let it export a function of the dog: module\.exports = \(dog\) =>/,
    })
  },
)

t.test('The keys of the configuration are served, and a change of them takes a restart', async (t) => {
  const keys = { TOKEN: { command: ['echo', 'value-of-a-command'], expiresIn: 3600 } }
  const { path, socket, write } = configured(t, { listen: { socket: 's' }, dir: 'd', keys })
  const { child, printed } = start(t, ['serve', '--config', path])
  await printed(/serves at/)
  t.match(await ask(socket, '/v1/keys/TOKEN'), { status: 200, json: { value: 'value-of-a-command' } })
  write(JSON.stringify({ listen: { socket: 's' }, dir: 'd', keys: { OTHER: keys.TOKEN } }))
  child.kill('SIGHUP')
  await printed(/keys: a change takes a restart; the old one goes on/)
  const wrong = configured(t, { listen: { socket: 's' }, dir: 'd', keys: { TOKEN: { comand: ['x'] } } })
  t.match(await run(t, ['serve', '--config', wrong.path]), { code: 2, err: /comand/ })
})
