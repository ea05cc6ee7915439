import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { start, temporary } from '../support/children.js'
import { noOpenssl } from '../support/openssl.js'
import { ask, createDog, createServer, memoryStore, newClient, pause, served } from './setup.js'

const make = (options = {}) => createServer({ dog: createDog({ store: memoryStore() }), ...options })

t.test('A unix socket has mode 0600 whatever the umask, and is removed by close', async (t) => {
  const path = join(
    temporary((end) => t.teardown(end)),
    's',
  )
  const mask = process.umask(0)
  try {
    const server = make()
    t.equal(await server.listen({ socketPath: path }), `unix:${path}`)
    t.equal(lstatSync(path).mode & 0o777, 0o600)
    t.equal(process.umask(), 0, 'the umask is as it was')
    await server.close()
    t.notOk(existsSync(path))
  } finally {
    process.umask(mask)
  }
})

t.test('The socket of a dead server is replaced; a living server’s socket or any other file is not', async (t) => {
  const dir = temporary((end) => t.teardown(end))
  const path = join(dir, 's')
  const script = join(dir, 'dies.cjs')
  writeFileSync(
    script,
    `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
  )
  await start(script, {}).exited
  t.ok(lstatSync(path).isSocket())
  const server = make()
  await server.listen({ socketPath: path })
  t.teardown(() => server.close())
  t.equal((await ask(`unix:${path}`, '/healthz')).status, 200)
  await t.rejects(make().listen({ socketPath: path }), { code: 'EADDRINUSE', message: /alive/ })
  t.equal((await ask(`unix:${path}`, '/healthz')).status, 200)

  writeFileSync(join(dir, 'file'), 'precious')
  await t.rejects(make().listen({ socketPath: join(dir, 'file') }), { message: /no socket/ })
  t.equal(readFileSync(join(dir, 'file'), 'utf8'), 'precious')
  symlinkSync(join(dir, 'nowhere'), join(dir, 'link'))
  await t.rejects(make().listen({ socketPath: join(dir, 'link') }), { message: /no socket/ })
})

t.test('Listening on TCP requires clients, and beyond the loopback also tls or behindProxy', async (t) => {
  const { config } = newClient('one')
  await t.rejects(make().listen({ port: 0 }), { name: 'TypeError', message: /clients/ })
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.com']) {
    await t.rejects(make({ clients: [config] }).listen({ port: 0, host }), { name: 'TypeError', message: /tls or behindProxy/ })
  }
  const server = make({ clients: [config], behindProxy: true })
  t.match(await server.listen({ port: 0, host: '0.0.0.0' }), /^http:\/\/0\.0\.0\.0:\d+$/)
  await server.close()
})

t.test('Wrong options and wrong places to listen at are TypeErrors', async (t) => {
  for (const where of [
    null,
    {},
    { port: -1 },
    { port: '1' },
    { socketPath: '' },
    { socketPath: 'x'.repeat(200) },
    { socketPath: 'x', port: 1 },
  ]) {
    await t.rejects(make().listen(where as never), TypeError)
  }
  for (const options of [
    { nope: 1 },
    { dog: {} },
    { hosts: ['a b'] },
    { behindProxy: 1 },
    { tls: {} },
    { limits: { polls: 0 } },
    { limits: { x: 1 } },
    { log: 1 },
  ]) {
    t.throws(() => make(options), TypeError, JSON.stringify(options))
  }
})

t.test('A request whose Host header names another host is refused', async (t) => {
  const some = newClient('some')
  const { ask, address } = await served(t, { clients: [some.config], hosts: ['tokens.internal'] })
  const { port } = new URL(address)
  for (const host of [
    `127.0.0.1:${port}`,
    'localhost',
    `LOCALHOST:${port}`,
    '[::1]:80',
    'tokens.internal',
    `Tokens.Internal:${port}`,
  ]) {
    t.equal((await ask('/v1/keys/TOKEN', { ...some, headers: { host } })).status, 200, host)
  }
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '192.0.2.1',
    'tokens.internal@evil.example',
    '[::1',
  ]) {
    const reply = await ask('/v1/keys/TOKEN', { ...some, headers: { host } })
    t.ok([421, 400].includes(reply.status), `${host}: ${reply.status}`)
  }
})

t.test('A page of another site cannot cause a refresh', async (t) => {
  const some = newClient('some')
  const { ask, address, upstream } = await served(t, { clients: [some.config] })
  const post = (headers: Record<string, string>) => ask('/v1/keys/TOKEN/refresh', { ...some, method: 'POST', headers })
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
  ]) {
    t.equal((await post(headers as never)).status, 403, JSON.stringify(headers))
  }
  t.equal(upstream.count, 0)
  t.equal((await post({ 'sec-fetch-site': 'same-origin', origin: address })).status, 200)
  t.equal((await ask('/v1/keys/TOKEN', { method: 'OPTIONS', headers: { origin: 'https://evil.example' } })).status, 405)
})

t.test(
  'A server with a certificate speaks TLS only, cuts stalled handshakes, and closes without waiting for idle clients',
  async (t) => {
    const dir = temporary((end) => t.teardown(end))
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
    try {
      execFileSync('openssl', [...args, '-subj', '/CN=localhost', '-keyout', join(dir, 'k'), '-out', join(dir, 'c')], {
        stdio: 'ignore',
      })
    } catch {
      if (noOpenssl === undefined) throw new Error('openssl made no certificate')
      return void t.pass('with TLS', { skip: noOpenssl })
    }
    const some = newClient('some')
    const [cert, key] = [readFileSync(join(dir, 'c')), readFileSync(join(dir, 'k'))]
    const dog = createDog({ store: memoryStore() })
    t.teardown(() => dog.close())
    dog.init('SLOW', async () => {
      await pause(1000)
      return { value: 'slow', expiresIn: 60 }
    })
    const server = createServer({ dog, clients: [some.config], tls: { cert, key }, limits: { headersTimeout: 1 } })
    const address = await server.listen({ port: 0, host: '0.0.0.0' })
    t.teardown(() => server.close())
    const port = Number(new URL(address).port)
    const status = await new Promise((resolve, reject) => {
      https
        .get({ host: '127.0.0.1', port, path: '/healthz', ca: cert, servername: 'localhost' }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        .on('error', reject)
    })
    t.equal(status, 200)
    await t.rejects(ask(`http://127.0.0.1:${port}`, '/healthz'))

    // A client that never finishes its handshake is cut, like one that never finishes its headers.
    const half = connect(port, '127.0.0.1')
    half.on('error', () => {})
    await new Promise((resolve) => half.once('close', resolve))

    // One client in mid-handshake, one idle after its handshake, and one that waits for its answer.
    const shaking = connect(port, '127.0.0.1')
    shaking.on('error', () => {})
    const idle = connectTls({ port, host: '127.0.0.1', ca: cert, servername: 'localhost' })
    idle.on('error', () => {})
    await new Promise((resolve) => idle.once('secureConnect', resolve))
    const headers = { authorization: `Bearer ${some.token}` }
    const slow = new Promise((resolve, reject) => {
      https
        .get({ host: '127.0.0.1', port, path: '/v1/keys/SLOW', ca: cert, servername: 'localhost', headers }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        .on('error', reject)
    })
    await pause(300)
    const began = performance.now()
    await server.close()
    t.ok(performance.now() - began < 15_000, 'close does not wait its full 30 s')
    t.equal(await slow, 200)
  },
)

t.test('An unknown option of createServer, its limits or listen is a TypeError that suggests the nearest name', async (t) => {
  const unknown = (name: string, subject: string, nearest: string) => ({
    name: 'TypeError',
    message: `unknown option "${name}" of ${subject}; did you mean "${nearest}"?`,
  })
  t.throws(() => make({ behindproxi: true }), unknown('behindproxi', 'createServer', 'behindProxy'))
  t.throws(() => make({ limits: { pols: 1 } }), unknown('pols', 'limits', 'polls'))
  t.throws(() => make({ limits: { polls: '1' } }), {
    name: 'TypeError',
    message: /^limits\.polls must be a number over 0; got "1"/,
  })
  await t.rejects(make().listen({ socketpath: '/s' } as never), unknown('socketpath', 'listen', 'socketPath'))
  await t.rejects(make().listen({ prot: 0 } as never), unknown('prot', 'listen', 'port'))
})
