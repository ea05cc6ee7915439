import http from 'node:http'
import t from 'tap'
import { createServer, newClient, pause, type Served, served, targetOf, until } from './setup.js'

/** Opens an event stream and collects its text. */
function openStream({ address }: Served, token: string) {
  const received = { text: '', status: 0, over: false }
  const request = http.get(
    { ...targetOf(address), path: '/v1/events', headers: { authorization: `Bearer ${token}` } },
    (response) => {
      received.status = response.statusCode!
      response.setEncoding('utf8')
      response.on('data', (chunk) => (received.text += chunk))
      response.on('close', () => (received.over = true))
    },
  )
  request.on('error', () => (received.over = true))
  return received
}

t.test('An event stream sends events of readable keys as they happen, without values', async (t) => {
  const all = newClient('all')
  const other = newClient('other', { keys: ['OTHER'] })
  const it = await served(t, { clients: [all.config, other.config] })
  it.dog.init('OTHER', async () => ({ value: 'secret-of-the-other', expiresIn: 60 }))
  const [wide, narrow] = [openStream(it, all.token), openStream(it, other.token)]
  await until(() => wide.text !== '' && narrow.text !== '')
  await it.ask('/v1/keys/TOKEN', all)
  await it.ask('/v1/keys/OTHER', all)
  await until(() => /event: refresh\ndata: .*OTHER/.test(wide.text) && /event: refresh/.test(narrow.text))
  const events = wide.text.split('\n\n').filter((part) => part.startsWith('event:'))
  for (const event of events) t.match(event, /^event: (change|refresh)\ndata: \{"key":"(TOKEN|OTHER)",.*\}$/)
  t.match(wide.text, /event: change\ndata: \{"key":"TOKEN"/)
  t.notMatch(narrow.text, /TOKEN/)
  t.notMatch(wide.text + narrow.text, /secret-/)
  await it.server.close()
  await until(() => wide.over && narrow.over)
})

t.test('A stream over the limit is refused with 503 and Retry-After', async (t) => {
  const some = newClient('some')
  const it = await served(t, { clients: [some.config], limits: { streams: 2 } })
  const streams = [openStream(it, some.token), openStream(it, some.token)]
  await until(() => streams.every(({ text }) => text !== ''))
  const reply = await it.ask('/v1/events', some)
  t.equal(reply.status, 503)
  t.ok(Number(reply.headers['retry-after']) > 0)
})

t.test('A client that does not read its event stream is disconnected', async (t) => {
  const some = newClient('some')
  const it = await served(t, { clients: [some.config] }, false)
  http
    .get({ ...targetOf(it.address), path: '/v1/events', headers: { authorization: `Bearer ${some.token}` } }, (response) => {
      response.pause()
      response.on('error', () => {})
    })
    .on('error', () => {})
  const open = async () => Number(/^dotdog_open_streams (\d+)$/m.exec((await it.ask('/metrics', some)).text)![1])
  while ((await open()) < 1) await pause(10)
  const long = 'K'.repeat(119)
  for (let round = 0; (await open()) > 0 && round < 400; round++) {
    await Promise.all(Array.from({ length: 100 }, (_, n) => it.dog.set(`${n % 10}${long}`, `${round}`, { expiresIn: 60 })))
  }
  t.equal(await open(), 0)
})

/** Parses the Prometheus text format; throws at a malformed line. */
function parse(text: string): Map<string, number> {
  const samples = new Map<string, number>()
  const typed = new Set<string>()
  for (const line of text.trimEnd().split('\n')) {
    const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line)
    if (type) typed.add(type[1]!)
    if (line.startsWith('#')) continue
    const sample = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (-?[\d.]+(?:e[+-]?\d+)?|\+Inf)$/.exec(line)
    if (sample === null) throw new Error(`no sample: ${line}`)
    const name = sample[1]!.replace(/_(bucket|sum|count)$/, '')
    if (!typed.has(name) && !typed.has(sample[1]!)) throw new Error(`no type: ${line}`)
    samples.set(sample[1]! + (sample[2] ?? ''), Number(sample[3]))
  }
  return samples
}

t.test('Metrics parse, count from 0, and hold no secret', async (t) => {
  const some = newClient('some')
  const narrow = newClient('narrow', { keys: [] })
  const it = await served(t, { clients: [some.config, narrow.config] })
  it.dog.init('odd "key"\\\n', async () => ({ value: 'secret-of-odd', expiresIn: 60 }), { quota: { limit: 5 } })
  const before = parse((await it.ask('/metrics', some)).text)
  t.equal(before.get('dotdog_fetches_total{key="TOKEN",result="success",reason="missing"}'), 0)
  t.equal(before.get('dotdog_fetches_total{key="TOKEN",result="failure",reason="failed"}'), 0)
  t.equal(before.get('dotdog_auth_failures_total{reason="unknown"}'), 0)
  await it.ask('/v1/keys/TOKEN', some)
  await it.ask(`/v1/keys/${encodeURIComponent('odd "key"\\\n')}`, some)
  await it.ask('/v1/keys/TOKEN', { token: 'wrong-token-of-somebody' })
  await it.ask('/wp-login.php')
  it.upstream.fail = new Error('down')
  const failing = Array.from({ length: 5 }, () =>
    it.ask('/v1/keys/TOKEN/refresh', { ...some, method: 'POST', body: '{"force":true}' }),
  )
  await Promise.all(failing)
  const { text, headers } = await it.ask('/metrics', some)
  t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
  const after = parse(text)
  t.equal(after.get('dotdog_fetches_total{key="TOKEN",result="success",reason="missing"}'), 1)
  t.equal(after.get('dotdog_fetches_total{key="TOKEN",result="failure",reason="failed"}'), it.upstream.count - 1)
  const at = (what: string) => after.get(`dotdog_key_${what}_timestamp_seconds{key="TOKEN"}`)!
  t.ok(at('fetched') < at('refresh') && at('refresh') < at('expiration'))
  t.equal(after.get('dotdog_quota_limit{key="odd \\"key\\"\\\\\\n"}'), 5)
  t.equal(after.get('dotdog_key_status{key="TOKEN",state="fresh"}'), 1)
  t.equal(after.get('dotdog_auth_failures_total{reason="unknown"}'), 1)
  t.equal(after.get('dotdog_http_requests_total{route="none",method="GET",code="404"}'), 1)
  t.equal(after.get('dotdog_fetch_duration_seconds_count'), 2)
  t.notMatch(text, /secret-|wrong-token|wp-login/)
  t.notMatch(text, new RegExp(some.token))
  t.notMatch((await it.ask('/metrics', narrow)).text, /TOKEN/)
  t.equal((await it.ask('/metrics')).status, 401)
})

t.test('A handler that throws answers 500 without details and reports one line without secrets', async (t) => {
  const lines: string[] = []
  const log: object[] = []
  const it = await served(t, {
    clients: [newClient('x').config],
    report: (line) => lines.push(line),
    log: (entry) => log.push(entry),
    routes: [
      {
        ...{ method: 'GET', path: '/boom/:key', name: 'boom', auth: 'none' },
        async handle() {
          throw new Error('https://user:pass@api.example/?secret=do-not-tell failed')
        },
      },
    ],
  })
  const reply = await it.ask('/boom/K?secret=do-not-tell')
  t.equal(reply.status, 500)
  t.notMatch(reply.text, /api\.example|do-not-tell|pass/)
  t.equal(lines.length, 1)
  t.match(lines[0], /^dotdog: boom failed/)
  t.notMatch(lines[0], /do-not-tell|pass/)
  t.match(log, [{ method: 'GET', route: 'boom', key: 'K', client: undefined, status: 500, ms: Number }])
  t.notMatch(JSON.stringify(log), /do-not-tell/)
})

t.test('A server on a unix socket without clients allows everything, and setClients is an error', async (t) => {
  const it = await served(t)
  t.equal((await it.ask('/v1/keys/TOKEN/refresh', { method: 'POST' })).status, 200)
  t.throws(() => it.server.setClients([]), TypeError)
  t.throws(() => createServer(null as never), TypeError)
})
