// Where a server listens: several places, the rights of a socket, an inherited socket, and a
// certificate that is replaced.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstatSync, openSync, writeFileSync } from 'node:fs'
import { createServer as createNetServer } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { makeCertificate } from '../support/certificate.js'
import { temporary } from '../support/children.js'
import { noOpenssl } from '../support/openssl.js'
import { ask, createDog, createServer, memoryStore, newClient, served } from './setup.js'

t.test('A server listens at a port for its clients and at a socket for the operator, who needs no token', async (t) => {
  const folder = temporary((end) => t.teardown(end))
  const shop = newClient('shop', { keys: ['OTHER'] })
  const { server, address } = await served(t, { clients: [shop.config] })
  const operator = await server.listen({ socketPath: join(folder, 'operator'), operator: true })
  const plain = await server.listen({ socketPath: join(folder, 'plain') })
  t.equal((await ask(address, '/v1/keys/TOKEN')).status, 401)
  t.equal((await ask(plain, '/v1/keys/TOKEN')).status, 401, 'a socket alone gives no rights beside clients')
  t.equal((await ask(operator, '/v1/keys/TOKEN')).status, 200)
  t.equal((await ask(operator, '/v1/keys/TOKEN/refresh', { method: 'POST' })).status, 200)

  // What the operator holds open does not end with the clients.
  const { generation } = (await ask(operator, '/v1/keys/TOKEN')).json
  const poll = ask(operator, `/v1/keys/TOKEN?since=${generation}&wait=0.3`)
  server.setClients([])
  t.equal((await poll).status, 304)
  t.equal((await ask(address, '/v1/keys/TOKEN', shop)).status, 401)
  await t.rejects(server.listen({ port: 0, operator: true } as never), {
    name: 'TypeError',
    message: /operator needs a socketPath/,
  })
})

t.test('A place that fails leaves the others as they are, and all of them end with close', async (t) => {
  const folder = temporary((end) => t.teardown(end))
  const { server, address } = await served(t, { clients: [newClient('one').config] })
  const { port } = new URL(address)
  await t.rejects(server.listen({ port: Number(port) }), { code: 'EADDRINUSE' })
  const missing = join(folder, 'missing/s')
  await t.rejects(server.listen({ socketPath: missing }), {
    code: 'ENOENT',
    message: /the folder .*missing does not exist; make it first/,
  })
  const second = await server.listen({ socketPath: join(folder, 's') })
  t.equal((await ask(address, '/healthz')).status, 200)
  await server.close()
  await t.rejects(ask(address, '/healthz'))
  await t.rejects(ask(second, '/healthz'))
  await t.rejects(server.listen({ port: 0 }), { name: 'TypeError', message: /closed/ })
})

t.test('A socket has the mode and the group that it is given', async (t) => {
  const path = join(
    temporary((end) => t.teardown(end)),
    's',
  )
  const server = createServer({ dog: createDog({ store: memoryStore() }) })
  t.teardown(() => server.close())
  const gid = process.getuid!() === 0 ? 12_345 : process.getgid!()
  await server.listen({ socketPath: path, mode: 0o660, gid })
  const { mode, gid: group } = lstatSync(path)
  t.equal(mode & 0o777, 0o660)
  t.equal(group, gid)
  for (const wrong of [{ mode: 0o1777 }, { mode: '660' }, { gid: -1 }]) {
    await t.rejects(server.listen({ socketPath: `${path}2`, ...wrong } as never), TypeError)
  }
})

/** Starts a server in a process that inherits a socket as its third descriptor, as from systemd. */
async function inheriting(t: Test, place: object, options: object, socket: { fd: number }) {
  const script = join(
    temporary((end) => t.teardown(end)),
    'server.cjs',
  )
  const dist = join(import.meta.dirname, '../../dist')
  writeFileSync(
    script,
    `const { createServer } = require(${JSON.stringify(`${dist}/server/index.js`)})
    const { createDog, memoryStore } = require(${JSON.stringify(`${dist}/index.js`)})
    createServer({ dog: createDog({ store: memoryStore() }), ...${JSON.stringify(options)} })
      .listen(${JSON.stringify({ fd: 3, ...place })}).then(console.log, (error) => { console.log(error.message); process.exit(1) })`,
  )
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit', socket.fd] })
  t.teardown(() => child.kill('SIGKILL'))
  const [chunk] = await once(child.stdout!, 'data')
  return String(chunk).trim()
}

t.test('A server listens at a socket that it inherits, and refuses a port that would be open to everybody', async (t) => {
  const fdOf = (server: ReturnType<typeof createNetServer>) => (server as never as { _handle: { fd: number } })._handle.fd
  const folder = temporary((end) => t.teardown(end))
  const path = join(folder, 's')
  const unix = createNetServer().listen(path)
  await once(unix, 'listening')
  t.teardown(() => unix.close())
  const [shop] = [newClient('shop')]
  t.equal(await inheriting(t, {}, {}, { fd: fdOf(unix) }), 'unix:fd:3')

  const tcp = createNetServer().listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  t.teardown(() => tcp.close())
  t.match(await inheriting(t, {}, { clients: [shop.config] }, { fd: fdOf(tcp) }), /^http:\/\/127\.0\.0\.1:\d+$/)
  t.match(await inheriting(t, {}, {}, { fd: fdOf(tcp) }), /clients must be given to listen on TCP/)
  t.match(
    await inheriting(t, { operator: true }, { clients: [shop.config] }, { fd: fdOf(tcp) }),
    /operator needs a unix socket/,
  )
  const everywhere = createNetServer().listen(0, '0.0.0.0')
  await once(everywhere, 'listening')
  t.teardown(() => everywhere.close())
  t.match(await inheriting(t, {}, { clients: [shop.config] }, { fd: fdOf(everywhere) }), /tls or behindProxy must be given/)
  t.match(await inheriting(t, {}, {}, { fd: openSync('/dev/null', 'r') }), /./, 'no socket: an error, no crash')
})

t.test(
  'A certificate is replaced for new connections; one that does not fit its key changes nothing',
  { skip: noOpenssl ?? false },
  async (t) => {
    const folder = temporary((end) => t.teardown(end))
    const [first, second] = [makeCertificate(folder, 'first'), makeCertificate(folder, 'second')]
    const server = createServer({ dog: createDog({ store: memoryStore() }), clients: [newClient('one').config], tls: first })
    t.teardown(() => server.close())
    const port = Number(new URL(await server.listen({ port: 0 })).port)
    const connected = async () => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      return socket
    }
    const nameAt = (socket: Awaited<ReturnType<typeof connected>>) => socket.getPeerCertificate().subject.CN
    const open = await connected()
    t.equal(nameAt(open), 'first')
    await t.rejects(server.setTls({ cert: second.cert, key: first.key }), { name: 'TypeError', message: /do not fit/ })
    await t.rejects(server.setTls({ cert: 'torn', key: first.key }), { name: 'TypeError', message: /do not fit/ })
    const still = await connected()
    t.equal(nameAt(still), 'first')
    await server.setTls({ cert: second.cert, key: second.key })
    const next = await connected()
    t.equal(nameAt(next), 'second')
    open.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
    t.match(String((await once(open, 'data'))[0]), /^HTTP\/1\.1 200/, 'an open connection goes on')
    for (const socket of [open, still, next]) socket.destroy()
    const plain = createServer({ dog: createDog({ store: memoryStore() }) })
    await t.rejects(plain.setTls(first), { name: 'TypeError', message: /without tls/ })
  },
)
