import { connect } from 'node:net'
import t from 'tap'
import { newClient, pause, served, targetOf, until } from './setup.js'

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
  const valueChars = 600_000
  await it.dog.set('TOKEN', 'x'.repeat(valueChars), { expiresIn: 7200 })
  const { host, port } = targetOf(it.address) as { host: string; port: number }
  const request = `GET /v1/keys/TOKEN HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${some.token}\r\n\r\n`
  /**
   * Sends so many requests before it reads the answers; resolves when all are there or the
   * connection is closed.
   */
  const answers = async (count: number) => {
    const socket = connect(port, host)
    let text = ''
    let isClosed = false
    socket.on('error', () => {})
    socket.on('close', () => (isClosed = true))
    socket.pause().write(request.repeat(count))
    await pause(500)
    socket.on('data', (chunk) => (text += chunk)).resume()
    await until(() => isClosed || text.length >= count * valueChars)
    socket.destroy()
    return text.match(/HTTP\/1\.1 \d+/g) ?? []
  }
  t.strictSame(await answers(20), Array(20).fill('HTTP/1.1 200'))
  const all = await answers(500)
  t.equal(all.at(-1), 'HTTP/1.1 503')
  t.ok(all.length > 32 && all.length < 64, `${all.length} answers: a few more than 32 if the requests arrived in pieces`)
})
