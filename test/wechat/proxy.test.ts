// A real proxy between a real process and a platform whose name only the proxy can resolve.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../support/children.js'
import { noOpenssl } from '../support/openssl.js'
import { temporaryFolder } from '../support/temporary-folder.js'

const HOST = 'api.weixin.test'
const fixture = join(import.meta.dirname, 'fixtures/proxied.cjs')

async function listen(t: Test, server: Server | ReturnType<typeof createSecureServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const answer = (request: IncomingMessage, response: ServerResponse): void => {
  response.end(JSON.stringify({ errcode: 0, access_token: `token of ${request.url!.split('?')[0]}`, expires_in: 7200 }))
}

/** A platform with a certificate for its name, and the file of its authority. */
async function securePlatform(t: Test): Promise<{ port: number; ca: string }> {
  const dir = temporaryFolder(t)
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const subject = ['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`]
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, '-keyout', key, '-out', cert],
    {
      stdio: 'ignore',
    },
  )
  const server = createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) }, answer)
  return { port: await listen(t, server), ca: cert }
}

/** A proxy that knows the name of the platform. It asks for a password if it is given one. */
async function startProxy(t: Test, targetPort: number, password?: string): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const expected = password && `Basic ${Buffer.from(`user:${password}`).toString('base64')}`
  const isAllowed = (request: IncomingMessage) => expected === undefined || request.headers['proxy-authorization'] === expected
  const server = createServer((request, response) => {
    const { origin, pathname, search } = new URL(request.url!)
    asked.push(`${request.method} ${origin}${pathname}`)
    if (!isAllowed(request)) return void response.writeHead(407).end()
    forward({ port: targetPort, path: pathname + search }, (upstream) => upstream.pipe(response)).end()
  })
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`)
    if (!isAllowed(request)) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const upstream = connect(targetPort, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(upstream).pipe(socket)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
    t.teardown(() => socket.destroy())
  })
  const port = await listen(t, server)
  return { url: `http://${password === undefined ? '' : `user:${password}@`}127.0.0.1:${port}`, asked }
}

async function fetchBoth(env: Record<string, string>): Promise<[string, string]> {
  const { code, out, err } = await start(fixture, env).exited
  if (code !== 0) throw new Error(err)
  return JSON.parse(out)
}

const TOKENS = ['token of /cgi-bin/token', 'token of /cgi-bin/gettoken']
const noSecret = (t: Test, shown: readonly string[]) => t.notOk(/p4ss|-secret-1/.test(shown.join()), shown.join())

t.test(
  'an https platform is reached through the tunnel of HTTPS_PROXY, and its certificate is checked',
  { skip: noOpenssl ?? false },
  async (t) => {
    const { port, ca } = await securePlatform(t)
    const proxy = await startProxy(t, port, 'p4ssw0rd')
    const env = { BASE_URL: `https://${HOST}:${port}`, HTTPS_PROXY: proxy.url }
    t.same(await fetchBoth({ ...env, NODE_EXTRA_CA_CERTS: ca }), TOKENS)
    t.same(new Set(proxy.asked), new Set([`CONNECT ${HOST}:${port}`]))
    const untrusted = await fetchBoth(env)
    for (const one of untrusted) t.match(one, /the connection failed \(a proxy is set, DEPTH_ZERO_SELF_SIGNED_CERT\)/)
    noSecret(t, untrusted)
  },
)

t.test('an http platform is asked through HTTP_PROXY, which may lack its scheme', async (t) => {
  const port = await listen(t, createServer(answer))
  const proxy = await startProxy(t, port)
  const BASE_URL = `http://${HOST}:${port}`
  t.same(await fetchBoth({ BASE_URL, HTTP_PROXY: proxy.url }), TOKENS)
  t.same(await fetchBoth({ BASE_URL, http_proxy: proxy.url.replace('http://', ''), HTTP_PROXY: 'http://127.0.0.1:1' }), TOKENS)
  t.equal(proxy.asked.length, 4)
  t.match(proxy.asked[0], `GET ${BASE_URL}/cgi-bin/`)
})

t.test('a host that NO_PROXY names is asked directly, in each of its forms', async (t) => {
  const port = await listen(t, createServer(answer))
  const proxy = await startProxy(t, port)
  const env = { BASE_URL: `http://${HOST}:${port}`, HTTP_PROXY: proxy.url }
  for (const NO_PROXY of [HOST, 'example.com, weixin.test', '.weixin.test', '*.weixin.test', `${HOST}:${port}`, '*']) {
    for (const one of await fetchBoth({ ...env, NO_PROXY })) t.match(one, /ENOTFOUND|EAI_AGAIN/, NO_PROXY)
  }
  t.same(proxy.asked, [])
  t.same(await fetchBoth({ ...env, NO_PROXY: `example.com,${HOST}:1,eixin.test` }), TOKENS, 'another host, port or suffix')
})

t.test('a loopback address is asked directly', async (t) => {
  const port = await listen(t, createServer(answer))
  const env = { HTTP_PROXY: 'http://127.0.0.1:1', HTTPS_PROXY: 'http://127.0.0.1:1' }
  t.same(await fetchBoth({ ...env, BASE_URL: `http://127.0.0.1:${port}` }), TOKENS)
  t.same(await fetchBoth({ ...env, BASE_URL: `http://localhost:${port}` }), TOKENS)
})

t.test('no error shows the URL or the password of a proxy', async (t) => {
  const refusing = await startProxy(t, 1, 'right')
  const wrong = refusing.url.replace('right', 'p4ssw0rd')
  const BASE_URL = `https://${HOST}`
  const proxies: [string, RegExp][] = [
    ['http://user:p4ssw0rd@127.0.0.1:1', /the connection failed \(a proxy is set, ECONNREFUSED\)/],
    [wrong, /the proxy refused the connection/],
    ['ftp://user:p4ssw0rd@127.0.0.1:1', /HTTP_PROXY or HTTPS_PROXY is not the URL of a proxy/],
    ['user:p4ssw0rd@:x', /HTTP_PROXY or HTTPS_PROXY is not the URL of a proxy/],
  ]
  for (const [HTTPS_PROXY, message] of proxies) {
    const shown = await fetchBoth({ BASE_URL, HTTPS_PROXY })
    for (const one of shown) t.match(one, message)
    noSecret(t, shown)
  }
  t.equal(refusing.asked.length, 2)
})
