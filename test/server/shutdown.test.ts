import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import { listen } from '../../src/server/listener.js'
import { newClient, pause, served, targetOf, until } from './setup.js'

t.test('close answers the request that waits for a fetch, ends polls, and accepts no new request', async (t) => {
  const it = await served(t)
  const { generation } = (await it.ask('/v1/keys/TOKEN')).json
  const poll = it.ask(`/v1/keys/TOKEN?since=${generation}&wait=60`)
  it.dog.init('SLOW', async () => {
    await pause(600)
    return { value: 'worth-waiting-for', expiresIn: 60 }
  })
  const slow = it.ask('/v1/keys/SLOW')
  await pause(200)
  const closing = it.server.close()
  const ended = await poll
  t.equal(ended.status, 503)
  t.equal(ended.json.code, 'shutting_down')
  t.ok(Number(ended.headers['retry-after']) > 0)
  // The connection was open already, or it is refused.
  const health = await it.ask('/healthz').then(
    ({ status }) => status,
    () => 'refused',
  )
  t.ok(health === 503 || health === 'refused', `${health}`)
  const reply = await slow
  t.equal(reply.status, 200)
  t.equal(reply.json.value, 'worth-waiting-for')
  await closing
  t.equal(it.server.close(), it.server.close(), 'once')
  await t.rejects(it.server.listen({ port: 0 }), TypeError)
})

t.test('close cuts requests after closeTimeout', async (t) => {
  const it = await served(t, { limits: { closeTimeout: 0.3 } })
  it.upstream.delay = 3000
  const slow = it.ask('/v1/keys/TOKEN').then(
    () => 'answered',
    () => 'cut',
  )
  await pause(100)
  const began = performance.now()
  await it.server.close()
  t.equal(await slow, 'cut')
  t.ok(performance.now() - began < 2500)
})

t.test('A kept-alive connection is closed after its answer while the server closes', async (t) => {
  const it = await served(t)
  it.upstream.delay = 500
  const { socketPath } = targetOf(it.address) as { socketPath: string }
  const socket = connect(socketPath)
  let text = ''
  let over = false
  socket.on('data', (chunk) => (text += chunk))
  socket.on('close', () => (over = true))
  socket.write('GET /v1/keys/TOKEN HTTP/1.1\r\nHost: x\r\n\r\n')
  await pause(100)
  const closing = it.server.close()
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  await closing
  await until(() => over)
  t.match(text, /HTTP\/1\.1 200[\s\S]*secret-1/)
})

t.test('close does not wait for a connection that is silent or stopped in the middle of a request', async (t) => {
  const some = newClient('some')
  const it = await served(t, { clients: [some.config], limits: { headersTimeout: 60, requestTimeout: 60, closeTimeout: 60 } })
  const { host, port } = targetOf(it.address) as { host: string; port: number }
  const post = `POST /v1/keys/TOKEN/refresh HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${some.token}\r\n`
  const openings = ['', 'GET /v1/ke', post, `${post}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`]
  const sockets = openings.map((text) => {
    const socket = connect(port, host)
    socket.on('error', () => {})
    socket.write(text)
    return socket
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  it.upstream.delay = 1500
  const slow = it.ask('/v1/keys/TOKEN', some)
  await pause(300)
  const began = performance.now()
  await it.server.close()
  t.ok(performance.now() - began < 30_000, 'close does not wait its full 60 s')
  t.equal((await slow).status, 200, 'a request that waits for a fetch is answered')
})

t.test('close waits for an upload that the handler reads slowly, and for an answer that the client reads slowly', async (t) => {
  const size = 4_000_000
  const it = await served(t, {
    routes: [
      {
        ...{ method: 'POST', path: '/slow', name: 'slow', auth: 'none' },
        async handle({ request, response }) {
          await pause(2000)
          let got = 0
          for await (const chunk of request) got += chunk.length
          response.end(`${got}`)
        },
      },
      {
        ...{ method: 'GET', path: '/large', name: 'large', auth: 'none' },
        async handle({ response }) {
          response.end(Buffer.alloc(size))
        },
      },
    ],
  })
  const upload = it.ask('/slow', { method: 'POST', body: 'x'.repeat(size) })
  const { socketPath } = targetOf(it.address) as { socketPath: string }
  const reader = connect(socketPath)
  let got = 0
  reader.on('error', () => {})
  reader.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n')
  await pause(200)
  const closing = it.server.close()
  await pause(500)
  reader.on('data', (chunk) => (got += chunk.length))
  const ended = new Promise((resolve) => reader.once('close', resolve))
  t.equal((await upload).text, `${size}`)
  await ended
  t.ok(got > size, `${got} bytes`)
  await closing
})

t.test('Clients that send too slowly are cut; others are served meanwhile', async (t) => {
  const some = newClient('some')
  const it = await served(t, { clients: [some.config], limits: { headersTimeout: 0.5, requestTimeout: 1 } })
  const { host, port } = targetOf(it.address) as { host: string; port: number }
  const slow = [
    'GET /v1/keys/TOKEN HTTP/1.1\r\nHost: localhost\r\nX',
    `POST /v1/keys/TOKEN/refresh HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${some.token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
  ]
  const cuts = slow.flatMap((start) =>
    Array.from({ length: 10 }, async () => {
      const socket = connect(port, host, () => socket.write(start))
      let text = ''
      socket.on('data', (chunk) => (text += chunk))
      socket.on('error', () => {})
      const drip = setInterval(() => socket.write('x'), 50)
      await new Promise((resolve) => socket.once('close', resolve))
      clearInterval(drip)
      return text
    }),
  )
  t.equal((await it.ask('/v1/keys/TOKEN', some)).status, 200)
  for (const text of await Promise.all(cuts)) t.match(text, /^(HTTP\/1\.1 4\d\d|$)/)
  t.equal(it.upstream.count, 1)
})

t.test('Connections over the limit are closed at once', async (t) => {
  const it = await served(t, { limits: { connections: 3 } })
  const { socketPath } = targetOf(it.address) as { socketPath: string }
  const sockets = Array.from({ length: 3 }, () => connect(socketPath))
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  await pause(50)
  await t.rejects(it.ask('/healthz'))
  for (const socket of sockets) socket.destroy()
  await pause(50)
  t.equal((await it.ask('/healthz')).status, 200)
})

t.test('A connection without traffic is cut, unless the server owes it an answer', async (t) => {
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    request.resume()
    const late = () => setTimeout(() => response.end('late'), 1500)
    if (request.url === '/late') late()
    else if (request.url === '/begun') response.write('x')
    else response.end('x'.repeat(50_000_000))
  }
  const limits = { connections: 9, polls: 9, streams: 9, body: 9, headersTimeout: 10, requestTimeout: 10, closeTimeout: 1 }
  const listening = await listen(handle, { port: 0 }, { tls: undefined, report: t.fail }, limits, 0.5)
  t.teardown(() => listening.close(0))
  const { host, port } = targetOf(listening.address) as { host: string; port: number }
  const ends = ['', 'GET /la', 'GET /begun', 'GET /unread', 'GET /late'].map(async (start) => {
    const socket = connect(port, host)
    socket.on('error', () => {})
    socket.write(start.length > 8 ? `${start} HTTP/1.1\r\nHost: localhost\r\n\r\n` : start)
    let text = ''
    if (start !== 'GET /unread') socket.on('data', (chunk) => (text += chunk))
    let isClosed = false
    socket.once('close', () => (isClosed = true))
    const begun = performance.now()
    await until(() => isClosed || text.includes('late') || performance.now() - begun > 1400)
    socket.resume()
    await until(() => isClosed || text.includes('late'))
    return { text, ms: performance.now() - begun }
  })
  const [none, half, started, , late] = await Promise.all(ends)
  for (const { ms } of [none!, half!, started!]) t.ok(ms < 1400, `${ms} ms`)
  t.match(late!.text, /late/)
})
