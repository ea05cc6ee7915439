// Usage, after a build: node test/long/server-throughput.mjs [seconds of a sample] [rounds]
// Compares GET /v1/keys/:key with a client token against a bare node:http server that sends the same
// bytes. The two take turns, each in its own process. Then it measures a thousand long polls: their
// memory, and when the last one gets its answer.
import { fork } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const self = fileURLToPath(import.meta.url)
const [role, ...roleArgs] = process.argv.slice(2)
const CONNECTIONS = 32

const roles = {
  /** dotdog's server. */
  async dotdog([token]) {
    const { createDog, memoryStore } = require('../../dist/index.js')
    const { createServer } = require('../../dist/server/index.js')
    const dog = createDog({ store: memoryStore() })
    let count = 0
    dog.init('ACCESS_TOKEN', async () => ({ value: `${++count}${'x'.repeat(170)}`, expiresIn: 7200 }))
    const tokenSha256 = createHash('sha256').update(token).digest('hex')
    const others = Array.from({ length: 9 }, (_, index) => ({
      name: `other-${index}`,
      tokenSha256: randomBytes(32).toString('hex'),
      keys: ['*'],
    }))
    const clients = [...others, { name: 'load', tokenSha256, keys: ['*'] }]
    const server = createServer({ dog, clients })
    const address = await server.listen({ port: 0 })
    await dog.get('ACCESS_TOKEN')
    process.on('message', async (message) => {
      if (message === 'memory') {
        global.gc?.()
        return process.send({ rss: process.memoryUsage().rss })
      }
      const at = Date.now()
      await dog.refresh('ACCESS_TOKEN')
      process.send({ at, done: Date.now() })
    })
    process.send({ port: Number(new URL(address).port), generation: dog.peek('ACCESS_TOKEN').generation })
  },
  /** A server that only sends the same bytes. */
  async bare([headers, body]) {
    const bytes = Buffer.from(body)
    const pairs = Object.entries(JSON.parse(headers)).flat()
    const server = createHttpServer((_request, response) => {
      response.writeHead(200, pairs)
      response.end(bytes)
    })
    server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
  },
  /** The client: keep-alive connections with one request at a time each. */
  async load([port, token, seconds]) {
    const request = `GET /v1/keys/ACCESS_TOKEN HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`
    let responses = 0
    const until = performance.now() + 1000 * seconds
    await Promise.all(
      Array.from(
        { length: CONNECTIONS },
        () =>
          new Promise((resolve, reject) => {
            const socket = connect(Number(port), '127.0.0.1', () => socket.write(request))
            let received = ''
            socket.setEncoding('latin1')
            socket.on('error', reject)
            socket.on('data', (chunk) => {
              received += chunk
              const head = received.indexOf('\r\n\r\n')
              if (head < 0 || received.length < head + 4 + Number(/content-length: (\d+)/i.exec(received)[1])) return
              if (!received.startsWith('HTTP/1.1 200')) return reject(new Error(received.slice(0, 200)))
              received = ''
              responses++
              if (performance.now() < until) return socket.write(request)
              socket.destroy()
              resolve()
            })
          }),
      ),
    )
    process.send({ perSecond: responses / seconds })
  },
  /** Long polls. Reports when all are sent, and when the last one has its answer. */
  async polls([port, token, generation, count]) {
    const target = `/v1/keys/ACCESS_TOKEN?since=${generation}&wait=60`
    const request = `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`
    let woken = 0
    let sent = 0
    for (let index = 0; index < Number(count); index++) {
      const socket = connect(Number(port), '127.0.0.1', () =>
        socket.write(request, () => ++sent === Number(count) && process.send('sent')),
      )
      socket.once('data', () => ++woken === Number(count) && process.send({ at: Date.now() }))
    }
  },
}

const children = []
function run(name, args, flags = []) {
  const child = fork(self, [`--${name}`, ...args.map(String)], { execArgv: flags })
  children.push(child)
  const nextMessage = () => new Promise((resolve) => child.once('message', resolve))
  return { child, nextMessage }
}

async function main(seconds = 2, rounds = 6) {
  const token = randomBytes(32).toString('base64url')
  const dotdog = run('dotdog', [token], ['--expose-gc'])
  const { port, generation } = await dotdog.nextMessage()
  const response = await fetch(`http://127.0.0.1:${port}/v1/keys/ACCESS_TOKEN`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const headers = [...response.headers].filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name))
  const bare = run('bare', [JSON.stringify(Object.fromEntries(headers)), await response.text()])
  const { port: barePort } = await bare.nextMessage()

  const ratios = []
  for (let round = 0; round <= rounds; round++) {
    const sample = async (at) => (await run('load', [at, token, seconds]).nextMessage()).perSecond
    const [a, b] = [await sample(port), await sample(barePort)]
    // The first round warms up.
    if (round > 0) ratios.push(a / b)
    console.log(
      `${round === 0 ? 'warm-up' : `round ${round}`}: dotdog ${a.toFixed(0)}/s, bare ${b.toFixed(0)}/s, ratio ${(a / b).toFixed(2)}`,
    )
  }
  ratios.sort((a, b) => a - b)
  console.log(`median ratio ${ratios[Math.floor(ratios.length / 2)].toFixed(2)} (wanted: at least 0.6)`)

  const ask = async (what) => {
    dotdog.child.send(what)
    return await dotdog.nextMessage()
  }
  const before = (await ask('memory')).rss
  const polls = run('polls', [port, token, generation, 1000])
  await polls.nextMessage()
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const after = (await ask('memory')).rss
  const last = polls.nextMessage()
  const { at, done } = await ask('refresh')
  const { at: woken } = await last
  console.log(`1000 long polls: ${((after - before) / 2 ** 20).toFixed(1)} MiB (wanted: under 64)`)
  console.log(
    `the last woke ${woken - at} ms after the refresh was asked for, ${woken - done} ms after it ended (wanted: within 100)`,
  )
  for (const child of children) child.kill()
}

if (role?.startsWith('--')) await roles[role.slice(2)](roleArgs)
else await main(...process.argv.slice(2).map(Number))
