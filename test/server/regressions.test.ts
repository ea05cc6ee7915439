import { connect } from 'node:net'
import t from 'tap'
import { newClient, pause, served, targetOf } from './setup.js'

t.test('A client that is revoked while its request waits for a fetch gets no value', async (t) => {
  const some = newClient('some')
  const it = await served(t, { clients: [some.config] })
  it.upstream.delay = 300
  const asked = [it.ask('/v1/keys/TOKEN', some), it.ask('/v1/keys/TOKEN/refresh', { ...some, method: 'POST' })]
  await pause(100)
  it.server.setClients([])
  for (const { status, text } of await Promise.all(asked)) {
    t.equal(status, 401)
    t.notMatch(text, /secret-/)
  }
})

t.test('A log function that throws does not end the server', async (t) => {
  const it = await served(t, {
    log: () => {
      throw new Error('disk full')
    },
  })
  for (let i = 0; i < 3; i++) t.equal((await it.ask('/healthz')).status, 200)
})

t.test('Refusing a malformed path takes time linear in its length, not quadratic', async (t) => {
  const some = newClient('some')
  const it = await served(t, { clients: [some.config] })
  await it.ask('/healthz')
  const took = async (length: number) => {
    const all = []
    for (let i = 0; i < 5; i++) {
      const { status, ms } = await it.ask(`/${'?'.repeat(length)}"`)
      t.equal(status, 400)
      all.push(ms)
    }
    return Math.min(...all)
  }
  const [short, long] = [await took(100), await took(8000)]
  t.ok(long < short * 20 + 20, `${long} ms, ${short} ms for one of an eightieth`)
})

t.test('A refresh with "after" accepts only a generation, and fetches only if the client knows the current one', async (t) => {
  const some = newClient('some')
  const it = await served(t, { clients: [some.config] })
  const { generation } = (await it.ask('/v1/keys/TOKEN', some)).json as { generation: number }
  const report = (body: unknown) => it.ask('/v1/keys/TOKEN/refresh', { ...some, method: 'POST', body: JSON.stringify(body) })
  for (const after of [-1, 1.5, '1', null, {}]) t.equal((await report({ after })).status, 400)
  const older = await report({ after: generation - 1 })
  t.equal(older.json.generation, generation, 'a client with an older generation gets the current value')
  t.equal(it.upstream.count, 1)
  const [one, other] = await Promise.all([report({ after: generation }), report({ after: generation })])
  t.equal(one.json.value, other.json.value)
  t.equal(it.upstream.count, 2)
})

t.test('A handler that throws something other than an Error answers 500 and reports one line', async (t) => {
  const lines: string[] = []
  const it = await served(t, {
    report: (line) => lines.push(line),
    routes: [undefined, null, 'text', 5].map((thrown, index) => ({
      ...{ method: 'GET', path: `/boom/${index}`, name: 'boom', auth: 'none' },
      async handle() {
        throw thrown
      },
    })),
  })
  for (let index = 0; index < 4; index++) t.equal((await it.ask(`/boom/${index}`)).status, 500)
  t.equal(lines.length, 4)
  for (const line of lines) t.match(line, /^dotdog: boom failed: ./)
})

t.test('Streams and polls that are pipelined behind another answer end with their connection', async (t) => {
  const some = newClient('some')
  const it = await served(t, { clients: [some.config], limits: { streams: 4, polls: 4 } })
  const { generation } = (await it.ask('/v1/keys/TOKEN', some)).json
  const { host, port } = targetOf(it.address) as { host: string; port: number }
  const headers = `Host: localhost\r\nAuthorization: Bearer ${some.token}\r\n\r\n`
  for (const path of ['/v1/events', `/v1/keys/TOKEN?since=${generation}&wait=30`]) {
    const socket = connect(port, host)
    socket.on('error', () => {})
    socket.write(`GET ${path} HTTP/1.1\r\n${headers}`.repeat(4))
    await pause(200)
    const open = async () => (await it.ask('/metrics', some)).text.match(/^dotdog_\w*(polls|streams)\w* [1-9]\d*$/gm)
    t.ok(await open(), path)
    socket.destroy()
    await pause(200)
    t.notOk(await open(), `${await open()}`)
  }
})

t.test('Pipelined requests over the limit of one connection are refused with 503', async (t) => {
  const some = newClient('some')
  const it = await served(t, { clients: [some.config] })
  await it.dog.set('TOKEN', 'x'.repeat(600_000), { expiresIn: 7200 })
  const { host, port } = targetOf(it.address) as { host: string; port: number }
  const request = `GET /v1/keys/TOKEN HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${some.token}\r\n\r\n`
  const answers = async (count: number, ms: number) => {
    const socket = connect(port, host)
    socket.on('error', () => {})
    socket.pause().write(request.repeat(count))
    await pause(ms)
    let text = ''
    socket.on('data', (chunk) => (text += chunk)).resume()
    await pause(ms)
    socket.destroy()
    return text.match(/HTTP\/1\.1 \d+/g) ?? []
  }
  t.strictSame(await answers(20, 500), Array(20).fill('HTTP/1.1 200'))
  const all = await answers(500, 500)
  t.equal(all.at(-1), 'HTTP/1.1 503')
  t.ok(all.length > 32 && all.length < 64, `${all.length} answers: a few more than 32 if the requests arrived in pieces`)
})
