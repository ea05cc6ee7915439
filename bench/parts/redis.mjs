// Many processes wait for a value in Redis: the time from its commit to each answer. Compared with the
// minimum that the same client can do: subscribe, and read on a message.
import { spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { inTurns, line, quantile, ratioOf, show } from '../measure.mjs'

const PROCESSES = 32
const ROUNDS = 20
/** Long enough for all processes to be waiting. */
const FETCH_MS = 600

export async function redis(lab) {
  if (spawnSync('redis-server', ['--version']).error !== undefined) {
    console.log('redis: skipped, there is no redis-server')
    return []
  }
  const crowds = []
  const { url, stop } = await startServer()
  try {
    for (const name of ['dotdog', 'plain']) {
      const subjects = Array.from({ length: PROCESSES }, () => lab.start(`redis-${name}.cjs`, [url]))
      for (const subject of subjects) await subject.next()
      crowds.push({ subjects, rounds: [], fetches: 0 })
    }
    for (let round = 0; round < ROUNDS; round++) for (const crowd of inTurns(crowds, round)) await once(crowd, `KEY-${round}`)
    for (const { subjects } of crowds) await Promise.all(subjects.map((subject) => subject.stop()))
  } finally {
    stop()
  }

  const [own, plain] = crowds
  // The first round also loads the code that a wait needs.
  const all = own.rounds.slice(1).flat()
  const perRound = ({ rounds }) => rounds.slice(1).map((late) => quantile(late, 0.95))
  const figure = `Redis, ${PROCESSES} processes`
  const note = `${all.length} answers; the first wait of each process: p95 ${show(quantile(own.rounds[0], 0.95), 'ms')}`
  const beside = `p50 ${show(quantile(all, 0.5), 'ms')}, p99 ${show(quantile(all, 0.99), 'ms')}`
  const theirs = `p95 of a round ${show(quantile(perRound(own), 0.5), 'ms')} : ${show(quantile(perRound(plain), 0.5), 'ms')}`
  return [
    line('redis', `${figure}: fetches`, own.fetches, { unit: '', target: 1, note: `at most, in ${ROUNDS} rounds` }),
    line('redis', `${figure}: p95`, quantile(all, 0.95), { unit: 'ms', against: 'the commit', target: 10, beside, note }),
    line('redis', `${figure}: p95`, ratioOf(perRound(own), perRound(plain)), { against: 'ioredis by hand', beside: theirs }),
  ]
}

async function once(crowd, key) {
  const answers = await Promise.all(crowd.subjects.map((one) => one.ask({ key, ms: FETCH_MS })))
  const { sent } = answers.find((one) => one.sent !== undefined)
  crowd.rounds.push(answers.filter((one) => one.sent === undefined).map(({ at }) => at - sent))
  crowd.fetches = Math.max(
    crowd.fetches,
    answers.reduce((sum, { fetches }) => sum + fetches, 0),
  )
}

async function startServer() {
  const port = await freePort()
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const server = spawn('redis-server', args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => server.stdout.on('data', (log) => String(log).includes('Ready to accept') && resolve()))
  return { url: `redis://127.0.0.1:${port}`, stop: () => server.kill() }
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
