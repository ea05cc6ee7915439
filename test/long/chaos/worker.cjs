// A process that does what it is told by messages, and tells by messages what it saw. It lives for many rounds, so that a
// round costs no start of a process. All times are milliseconds of the machine's monotonic clock, the same in all processes.
//
//   { do: 'get', id, dir, key, url, timeout, mode, at, block }  one get, begun at `at`; its fetcher blocks the event loop
//   { do: 'loop', dir, key, url, timeout, rest }                gets for ever, `rest` ms apart at most
//   { do: 'end' }                                               lets what is under way end, and exits by itself
const { readdirSync } = require('node:fs')
const http = require('node:http')
const { join } = require('node:path')
// Before the engine is loaded.
const stopper = process.env.STOP_AT && require('./stopper.cjs')
const dotdog = require(process.env.BUILD ?? '../../../dist/index.js')

const monotonic = () => Number(process.hrtime.bigint() / 1000n) / 1000
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const tell = (message) => process.connected && process.send(message, () => {})

/** What the name of our owner file says: since when, in the lock's own words, this fetch may be taken for ours. */
function lease(dir, key) {
  for (const name of readdirSync(join(dir, '.lock', key))) {
    const [number, , pid, , since, timeout] = name.split('.')
    if (Number(pid) === process.pid) return { number, since: Number(since), timeout: Number(timeout) }
  }
  return { number: 0, since: 0, timeout: 0 }
}

function ask(url, query, signal) {
  return new Promise((resolve, reject) => {
    const request = http.get(`${url}?${new URLSearchParams(query)}`, { signal, agent: false }, (response) => {
      let body = ''
      response.on('data', (chunk) => (body += chunk))
      response.on('end', () => resolve(JSON.parse(body)))
      response.on('error', reject)
    })
    request.on('error', reject)
  })
}

// How long this process got no turn, beside what it was told to: what it is late by on a busy machine is not the engine's.
const TOLD = 20
let stalled = 0
let turn = monotonic()
setInterval(() => {
  const late = Math.max(0, monotonic() - turn - 20)
  stalled += late
  turn = monotonic()
  // Who is killed cannot tell it any more.
  if (late > TOLD) tell({ tells: 'stalled', to: turn, stalled: late })
}, 20).unref()

const dogs = new Map()
function dogOf({ dir, key, url, timeout, mode, block }) {
  if (dogs.has(dir)) return dogs.get(dir)
  const dog = dotdog.createDog({ dir, timeout, mode })
  dogs.set(dir, dog)
  dog.on('warning', ({ code, message }) => tell({ tells: 'warning', code, message }))
  dog.on('takeover', () => tell({ tells: 'takeover' }))
  dog.init(key, async ({ signal }) => {
    const call = monotonic()
    const held = lease(dir, key)
    const query = { pid: process.pid, as: process.env.AS ?? process.pid, call, ...held }
    // The whole process stands still, as in a long computation: no heartbeat, no timer.
    if (block) setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, block), 100)
    try {
      const answer = await ask(url, query, signal)
      tell({ tells: 'fetch', call, since: held.since, end: monotonic(), ok: true })
      if (stopper) stopper.begin()
      return answer
    } catch (error) {
      tell({ tells: 'fetch', call, since: held.since, end: monotonic(), ok: false, aborted: signal.aborted })
      throw error
    }
  })
  return dog
}

async function get(task) {
  const dog = dogOf(task)
  if (task.at !== undefined) {
    await pause(Math.max(0, task.at - monotonic() - 3))
    while (monotonic() < task.at);
  }
  const from = monotonic()
  const before = stalled
  tell({ tells: 'asks', id: task.id, from })
  let outcome
  try {
    outcome = { value: await dog.get(task.key) }
  } catch (error) {
    const { code, message, path } = error
    outcome = { code: code ?? 'NONE', message, path, cause: error.cause?.message }
  }
  const to = monotonic()
  // The last turn is not counted yet.
  return { tells: 'get', id: task.id, from, to, stalled: stalled - before + Math.max(0, to - turn - 20), ...outcome }
}

let ending = false
const working = new Set()
process.on('message', (task) => {
  const work = (async () => {
    if (task.do === 'get') tell(await get(task))
    if (task.do !== 'loop') return
    while (!ending) {
      tell(await get(task))
      await pause(Math.random() * task.rest)
    }
  })()
  working.add(work)
  work.finally(() => working.delete(work))
  if (task.do === 'end') end()
})

async function end() {
  ending = true
  await Promise.all(working)
  for (const dog of dogs.values()) await dog.close()
  process.disconnect()
}
process.on('disconnect', () => {
  // Nobody is left to be told, nor to end what hangs.
  if (!ending || working.size > 0) process.exit(1)
})
tell({ tells: 'ready' })
