// A process that gets commands by messages and reports by messages. It serves many rounds, so that a
// round does not start a process. All times are milliseconds of the machine's monotonic clock, which
// all processes share.
//
// Commands:
//   { command: 'get', id, dir, key, url, timeout, mode, startAt, blockMs }
//                        one get, called at `startAt`; its fetcher blocks the event loop for `blockMs`
//   { command: 'loop', dir, key, url, timeout, maxPauseMs }
//                        gets without end, at most `maxPauseMs` apart
//   { command: 'end' }   ends what is running, then exits
const { readdirSync } = require('node:fs')
const http = require('node:http')
const { join } = require('node:path')
// Loaded before the engine, because it replaces functions of `fs`.
const stopper = process.env.STOP_AT && require('./stopper.cjs')
const dotdog = require(process.env.BUILD ?? '../../../dist/index.js')

const monotonic = () => Number(process.hrtime.bigint() / 1000n) / 1000
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const report = (message) => process.connected && process.send(message, () => {})

/** The lease as the name of this process's owner file states it. */
function ownLease(dir, key) {
  for (const name of readdirSync(join(dir, '.lock', key))) {
    const [fencingToken, , pid, , lockedAt, timeoutMs] = name.split('.')
    if (Number(pid) === process.pid) return { fencingToken, lockedAt: Number(lockedAt), timeoutMs: Number(timeoutMs) }
  }
  return { fencingToken: 0, lockedAt: 0, timeoutMs: 0 }
}

function fetchToken(url, query, signal) {
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

// How long this process got no CPU time. On a busy machine this delay is not the engine's.
const TICK_MS = 20
const REPORTED_STALL_MS = 20
let stalledMs = 0
let lastTick = monotonic()
setInterval(() => {
  const lateMs = Math.max(0, monotonic() - lastTick - TICK_MS)
  stalledMs += lateMs
  lastTick = monotonic()
  // Reported at once, because a process that is killed cannot report later.
  if (lateMs > REPORTED_STALL_MS) report({ type: 'stalled', to: lastTick, stalledMs: lateMs })
}, TICK_MS).unref()

const dogs = new Map()
function dogOf({ dir, key, url, timeout, mode, blockMs }) {
  if (dogs.has(dir)) return dogs.get(dir)
  const dog = dotdog.createDog({ dir, timeout, mode })
  dogs.set(dir, dog)
  dog.on('warning', ({ code, message }) => report({ type: 'warning', code, message }))
  dog.on('takeover', () => report({ type: 'takeover' }))
  dog.init(key, async ({ signal }) => {
    const calledAt = monotonic()
    const lease = ownLease(dir, key)
    const query = { pid: process.pid, as: process.env.AS ?? process.pid, calledAt, ...lease }
    // Blocks the whole process as a long computation does: no heartbeat and no timer runs.
    if (blockMs) setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs), 100)
    const outcome = () => ({ type: 'fetch-ended', calledAt, lockedAt: lease.lockedAt, endedAt: monotonic() })
    try {
      const result = await fetchToken(url, query, signal)
      report({ ...outcome(), ok: true })
      if (stopper) stopper.begin()
      return result
    } catch (error) {
      report({ ...outcome(), ok: false, aborted: signal.aborted })
      throw error
    }
  })
  return dog
}

async function get(command) {
  const dog = dogOf(command)
  if (command.startAt !== undefined) {
    await pause(Math.max(0, command.startAt - monotonic() - 3))
    while (monotonic() < command.startAt);
  }
  const from = monotonic()
  const stalledBefore = stalledMs
  report({ type: 'get-started', id: command.id, from })
  let outcome
  try {
    outcome = { value: await dog.get(command.key) }
  } catch (error) {
    const { code, message, path } = error
    outcome = { code: code ?? 'NONE', message, path, cause: error.cause?.message }
  }
  const to = monotonic()
  // The current tick is not counted yet.
  const stalledSince = stalledMs - stalledBefore + Math.max(0, to - lastTick - TICK_MS)
  return { type: 'get-ended', id: command.id, from, to, stalledMs: stalledSince, ...outcome }
}

let isEnding = false
const running = new Set()
process.on('message', (command) => {
  const work = (async () => {
    if (command.command === 'get') report(await get(command))
    if (command.command !== 'loop') return
    while (!isEnding) {
      report(await get(command))
      await pause(Math.random() * command.maxPauseMs)
    }
  })()
  running.add(work)
  work.finally(() => running.delete(work))
  if (command.command === 'end') end()
})

async function end() {
  isEnding = true
  await Promise.all(running)
  for (const dog of dogs.values()) await dog.close()
  process.disconnect()
}
process.on('disconnect', () => {
  // The parent is gone: nobody reads reports, or kills this process if it hangs.
  if (!isEnding || running.size > 0) process.exit(1)
})
report({ type: 'ready' })
