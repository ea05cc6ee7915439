import { connect } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { mapConcurrently } from '../support/children.js'
import { newClient, served, targetOf } from './setup.js'

/**
 * Sends raw bytes; resolves to the received status codes once the connection closed or was silent
 * for 500 ms.
 */
function raw(address: string, bytes: string | Buffer): Promise<number[]> {
  const { host, port } = targetOf(address) as { host: string; port: number }
  return new Promise((resolve) => {
    const socket = connect(port, host, () => socket.end(bytes))
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => (text += chunk))
    socket.setTimeout(500, () => socket.destroy())
    socket.on('error', () => {})
    socket.on('close', () => resolve([...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))))
  })
}

const isRefusal = (status: number) => status >= 400 && status < 500

t.test('Malformed requests get a 4xx answer or a closed connection', async (t) => {
  const some = newClient('some')
  const { address, ask } = await served(t, { clients: [some.config] })
  const auth = `Host: localhost\r\nAuthorization: Bearer ${some.token}\r\n`
  const post = (headers: string, body = '') => `POST /v1/keys/TOKEN/refresh HTTP/1.1\r\n${auth}${headers}\r\n${body}`
  const get = (target: string) => `GET ${target} HTTP/1.1\r\n${auth}\r\n`
  const malformed = [
    '\r\n\r\n',
    'GET\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'GET /v1/keys/TOKEN HTTP/1.1\r\n\r\n',
    `GET /v1/keys/TOKEN HTTP/1.1\r\n${auth}Host: localhost\r\nHost: evil.example\r\n bad\r\n\r\n`,
    `GET /v1/keys/TOKEN HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \u0000\r\n\r\n`,
    get('*'),
    get('http://localhost/v1/keys/TOKEN'),
    get('localhost:80'),
    get('/v1/keys/%00%zz'),
    get('/v1/keys/\u00ff'),
    get('/v1/keys/TOKEN?since=%'),
    get(`/${'a'.repeat(9000)}`),
    get('/__proto__'),
    get('/v1/keys/__proto__'),
    get('/v1/keys/constructor'),
    `GET /v1/keys/TOKEN HTTP/1.1\r\n${auth}X: ${'y'.repeat(20_000)}\r\n\r\n`,
    `BREW /v1/keys/TOKEN HTTP/1.1\r\n${auth}\r\n`,
    `CONNECT localhost:80 HTTP/1.1\r\n${auth}\r\n`,
    `TRACE /v1/keys/TOKEN HTTP/1.1\r\n${auth}\r\n`,
    `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
    post(
      'Content-Type: application/json\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      '0\r\n\r\nGET /v1/keys/TOKEN HTTP/1.1\r\n\r\n',
    ),
    post('Content-Length: 5\r\nContent-Length: 6\r\n', '{}   '),
    post('Content-Length: -1\r\n'),
    post('Content-Length: 99999999999999999999\r\n'),
    post('Content-Type: application/json\r\nContent-Length: 2000000\r\n', '{'),
    post('Transfer-Encoding: xchunked\r\n', '2\r\n{}\r\n0\r\n\r\n'),
    post('Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n', 'zz\r\n{}\r\n0\r\n\r\n'),
    post('Content-Type: application/json\r\nContent-Length: 10\r\n', '{"reje'),
    post('Content-Type: application/json\r\nContent-Length: 3\r\n', Buffer.from([0xff, 0xfe, 0x00]).toString('latin1')),
    post('Expect: something-else\r\nContent-Length: 2\r\n', '{}'),
    '\u0016\u0003\u0001\u0002\u0000\u0001\u0000',
  ]
  for (const bytes of malformed) {
    const statuses = await raw(address, Buffer.from(bytes, 'latin1'))
    t.ok(statuses.every(isRefusal), `${JSON.stringify(bytes.slice(0, 60))}: ${statuses}`)
  }
  t.equal((await ask('/v1/keys/TOKEN', some)).status, 200, 'the server still works')
})

t.test('No random request causes a 5xx answer or gets a value without a token', async (t) => {
  const some = newClient('some', { keys: ['MINE_*'] })
  const { address, ask, dog } = await served(t, { clients: [some.config] })
  await dog.get('TOKEN')
  const word = fc.oneof(
    fc.constantFrom(
      'GET',
      'POST',
      'HEAD',
      '/v1/keys/',
      'TOKEN',
      '/refresh',
      '/v1/events',
      '?since=',
      '&wait=',
      '%2e%2e/',
      '%',
      '%u0041',
    ),
    fc.constantFrom(
      ' HTTP/1.1',
      '\r\n',
      '\r\n\r\n',
      'Host: localhost',
      'Content-Length: 4',
      'Transfer-Encoding: chunked',
      ': ',
      '"',
      '{}',
      '0\r\n\r\n',
    ),
    fc.string({ maxLength: 20 }),
    fc.constant(`Authorization: Bearer ${some.token}`),
  )
  const target = fc.array(
    fc.oneof(
      fc.constantFrom('/', '..', '.', 'v1', 'keys', 'TOKEN', 'refresh', 'events', 'metrics', '%2F', '%25', '%c3%28', ';', '?'),
      fc.webSegment(),
    ),
    { maxLength: 8 },
  )
  const request = fc.oneof(
    fc.array(word, { maxLength: 20 }).map((words) => words.join('')),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc
      .tuple(fc.constantFrom('GET', 'HEAD', 'POST', 'PUT'), target, fc.string({ maxLength: 30 }))
      .map(([method, parts, body]) => {
        const size = Buffer.byteLength(body, 'latin1')
        const headers = `Host: localhost\r\nAuthorization: Bearer ${some.token}\r\nContent-Type: application/json\r\nContent-Length: ${size}`
        return `${method} /${parts.join('/')} HTTP/1.1\r\n${headers}\r\nConnection: close\r\n\r\n${body}`
      }),
  )
  const samples = fc.sample(request, { numRuns: 1500, seed: Number(process.env.SEED ?? Date.now() % 2 ** 31) })
  const wrong: string[] = []
  let answers = 0
  await mapConcurrently(samples, 25, async (bytes) => {
    // An event stream never ends by itself.
    if (/GET \/v1\/events[ ?]/.test(bytes)) return
    const statuses = await raw(address, Buffer.from(bytes, 'latin1'))
    answers += statuses.length
    // This client may read statuses, metrics and /healthz, but no key.
    if (statuses.some((status) => status >= 500 || (status === 200 && bytes.includes('TOKEN'))))
      wrong.push(`${statuses} ${bytes}`)
  })
  t.strictSame(wrong, [])
  t.ok(answers > 300, `${answers} answers`)
  t.equal((await ask('/healthz')).status, 200)
})
