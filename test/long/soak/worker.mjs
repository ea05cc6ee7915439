// One process of the soak: business calls, each with the token that the dog gives, and once more with a new one if it was
// rejected. Told what to do over IPC; ends when it is disconnected.
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const dotdog = require('../../../dist/index.js')
const { wechat } = require('../../../dist/wechat/index.js')
const { DIR, APP_ID, APP_SECRET, URL: baseUrl } = process.env

const dog = dotdog.createDog({ dir: DIR })
const wx = wechat({ appId: APP_ID, appSecret: APP_SECRET, baseUrl, dog, timeout: 5 })
const counts = { calls: 0, rejected: 0, twice: 0, errors: 0 }
const messages = new Set()
const say = (message) => messages.size < 5 && messages.add(message)
dog.on('refresh', ({ reason }) => {
  if (reason === 'rejected') counts.rejected++
})
dog.on('warning', ({ message }) => say(`warning: ${message}`))

async function call() {
  counts.calls++
  try {
    await wx.call('/cgi-bin/getcallbackip')
  } catch (error) {
    // The engine's one retry was rejected too.
    if (error.kind === 'rejected') counts.twice++
    else counts.errors++
    say(`${error.code ?? error.name}: ${error.message}`)
  }
}

/** Open files, which Node counts as resources only while it works on them. */
const descriptors = () => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0)

process.on('message', async ({ run }) => {
  if (run !== undefined) {
    setInterval(call, 1000 / run)
    return process.send({})
  }
  globalThis.gc()
  await new Promise(setImmediate)
  globalThis.gc()
  const { heapUsed: heap, rss } = process.memoryUsage()
  process.send({
    ...counts,
    heap,
    rss,
    handles: process.getActiveResourcesInfo().length + descriptors(),
    messages: [...messages],
  })
  messages.clear()
})
process.on('disconnect', () => process.exit())
