// How long after the commit the waiters have their answer: 32 processes, one fetch. `node test/redis/latency.mjs [rounds] [processes]`.
// Not a test: it prints figures. Wants a built dist/ and redis-server.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { Redis } from 'ioredis'

const PROCESSES = Number(process.argv[3] ?? 32)
/** Milliseconds in which all processes have begun to wait. */
const START = 250 * PROCESSES
const rounds = Number(process.argv[2] ?? 3)
const now = () => performance.timeOrigin + performance.now()

const upstream = createServer((_request, response) => {
  setTimeout(() => response.end(JSON.stringify({ value: 'a-token', expiresIn: 7200 })), START)
})
upstream.listen(0, '127.0.0.1')
await once(upstream, 'listening')
const port = upstream.address().port + 1
const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'])
await new Promise((resolve) => server.stdout.on('data', (log) => String(log).includes('Ready to accept') && resolve()))
const ear = new Redis(port)
let committedAt = 0
ear.on('message', (_channel, text) => {
  if (/^\d+ /.test(text)) committedAt ||= now()
})
await ear.subscribe('dotdog:changes')

for (let round = 0; round < rounds; round++) {
  committedAt = 0
  const env = {
    ...process.env,
    URL: `http://127.0.0.1:${upstream.address().port}/`,
    KEY: `KEY${round}`,
    STAY: String(2 * START),
  }
  const STORE = JSON.stringify({ url: `redis://127.0.0.1:${port}` })
  const answers = await Promise.all(
    Array.from({ length: PROCESSES }, async () => {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/worker.cjs')], { env: { ...env, STORE } })
      let out = ''
      child.stdout.on('data', (chunk) => (out += chunk))
      await once(child, 'close')
      return JSON.parse(out)
    }),
  )
  const waiters = answers.filter(({ waited, fetched }) => waited && !fetched).map(({ at }) => at - committedAt)
  waiters.sort((a, b) => a - b)
  const of = (share) => waiters[Math.min(waiters.length - 1, Math.floor(waiters.length * share))]?.toFixed(1)
  const fetches = answers.reduce((sum, { fetches }) => sum + fetches, 0)
  console.log(`${waiters.length} waiters, ${fetches} fetch: p50 ${of(0.5)} ms, p95 ${of(0.95)} ms, last ${of(1)} ms`)
}
ear.disconnect()
server.kill()
upstream.close()
