// Whole processes: they exit by themselves, whatever their clock says and however they reach the
// server.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { start, temporary } from '../support/children.js'
import { noOpenssl } from '../support/openssl.js'
import { CLIENT, central, createServer, dotdog, remoteStore, TOKEN } from './setup.js'

/** Writes a program with `dotdog` and `remoteStore` in scope. Returns its file. */
function program(dir: string, body: string): string {
  const root = JSON.stringify(join(import.meta.dirname, '../../dist'))
  const file = join(dir, `${Math.random()}.cjs`)
  const head = `const dotdog = require(${root} + '/index.js')\nconst { remoteStore } = require(${root} + '/remote/index.js')\n`
  writeFileSync(file, `${head}async function main() { ${body} }\nmain().then((out) => console.log(JSON.stringify(out)))\n`)
  return file
}

t.test('a script that gets values and listens to changes exits by itself', async (t) => {
  const here = await central(t)
  const file = program(
    here.dir,
    `const dog = dotdog.createDog({ store: remoteStore({ url: process.env.URL, token: process.env.TOKEN }) })
     dog.on('change', () => {})
     await dog.get('FETCHED')
     await new Promise((resolve) => setTimeout(resolve, 300))
     return [await dog.get('FETCHED'), await dog.get('FETCHED')]`,
  )
  const { code, out, err } = await start(file, { URL: here.url, TOKEN }).exited
  t.equal(err, '')
  t.equal(code, 0)
  t.match(out, /fetched 1 by/)
})

t.test('the remaining lifetime of a value is the same on a machine whose clock is a day off', async (t) => {
  const here = await central(t)
  for (const off of [86_400_000, -86_400_000]) {
    const file = program(
      here.dir,
      `const dog = dotdog.createDog({ store: remoteStore({ url: process.env.URL, token: process.env.TOKEN }) })
       const value = await dog.get('FETCHED')
       return { value, left: dog.peek('FETCHED').expiresAt - Date.now() }`,
    )
    const clock = join(here.dir, `clock${off}.cjs`)
    writeFileSync(clock, `const { now } = Date\nDate.now = () => now() + ${off}\n`)
    const { out } = await start(file, { URL: here.url, TOKEN, NODE_OPTIONS: `--require ${clock}` }).exited
    const { value, left } = JSON.parse(out)
    t.match(value, /^fetched 1 by/)
    t.ok(left > 7_100_000 && left <= 7_200_000, `${left}`)
  }
  t.equal(here.fetches(), 1)
})

t.test('a client needs no token on a unix socket, and trusts a TLS server by the certificate given as `ca`', async (t) => {
  const dir = temporary((end) => t.teardown(end))
  const dog = dotdog.createDog({ dir: join(dir, 'dog') })
  await dog.set('K', 'kept', { expiresIn: 100 })
  const socketPath = join(dir, 's')
  const local = createServer({ dog })
  await local.listen({ socketPath })
  t.equal(await dotdog.createDog({ store: remoteStore({ socketPath }) }).get('K'), 'kept')
  await local.close()

  if (noOpenssl !== undefined) return void t.pass('with TLS', { skip: noOpenssl })
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject]
  execFileSync('openssl', args, { stdio: 'ignore' })
  const tls = { cert: readFileSync(cert), key: readFileSync(key) }
  const secure = createServer({ dog, clients: [CLIENT], tls })
  const url = (await secure.listen({ port: 0, host: '127.0.0.1' })).replace('127.0.0.1', 'localhost')
  t.match(url, /^https:/)
  const trusting = remoteStore({ url, token: TOKEN, ca: tls.cert })
  t.equal(await dotdog.createDog({ store: trusting }).get('K'), 'kept')
  await t.rejects(dotdog.createDog({ store: remoteStore({ url, token: TOKEN }) }).get('K'), { code: 'ERR_DOG_STORE' })
  await trusting.close()
  await secure.close()
  await dog.close()
})

t.test('a wrong option is a TypeError that shows no secret', async (t) => {
  const wrong: [unknown, RegExp][] = [
    [undefined, /options of remoteStore must be an object/],
    [{}, /either url or socketPath/],
    [{ url: 'http://h', socketPath: '/s' }, /either url or socketPath/],
    [{ url: 'ftp://h' }, /http\(s\)/],
    [{ url: 'http://user:geheim@h' }, /without user/],
    [{ url: 'http://h?token=geheim' }, /without user/],
    [{ url: 'http://h', token: 'geheim mit Leerzeichen' }, /token must be/],
    [{ url: 'http://h', tokens: 'geheim' }, /unknown option "tokens" of remoteStore; did you mean "token"/],
    [{ url: 'http://h', ca: 7 }, /ca must be/],
    [{ socketPath: '' }, /socketPath must be/],
  ]
  for (const [options, message] of wrong) {
    const error = (() => {
      try {
        remoteStore(options as never)
      } catch (error) {
        return error as Error
      }
    })()
    t.ok(error instanceof TypeError)
    t.match(error?.message, message)
    t.notMatch(String(error?.stack?.split('\n')[0]), /geheim/)
  }
})

t.test('a request with only-if-cached is answered at once, without a fetch', async (t) => {
  const here = await central(t)
  const statusOf = () =>
    new Promise<number>((resolve, reject) => {
      const headers = { authorization: `Bearer ${TOKEN}`, 'cache-control': 'only-if-cached' }
      request(`${here.url}/v1/keys/FETCHED`, { headers }, (response) => {
        response.resume()
        resolve(response.statusCode!)
      })
        .on('error', reject)
        .end()
    })
  t.equal(await statusOf(), 504)
  t.equal(here.fetches(), 0)
  await here.dog.get('FETCHED')
  t.equal(await statusOf(), 200)
})

t.test('a misspelt option is a TypeError that names the right one', async (t) => {
  const misspelt = { url: 'http://h', tokn: 'geheim' } as Parameters<typeof remoteStore>[0]
  t.throws(() => remoteStore(misspelt), {
    name: 'TypeError',
    message: 'unknown option "tokn" of remoteStore; did you mean "token"?',
  })
})
