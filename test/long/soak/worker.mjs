// One process of the soak. It makes business calls with the dog's token. The engine repeats a rejected
// call once, with a new token. The parent sends commands: { run: calls per second } starts the calls,
// { sample: true } is answered with the figures. The process ends when the parent disconnects.
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
const MAX_MESSAGES = 5
const remember = (message) => messages.size < MAX_MESSAGES && messages.add(message)
dog.on('refresh', ({ reason }) => {
  if (reason === 'rejected') counts.rejected++
})
dog.on('warning', ({ message }) => remember(`warning: ${message}`))

async function call() {
  counts.calls++
  try {
    await wx.call('/cgi-bin/getcallbackip')
  } catch (error) {
    // The engine repeated the call once, and that one was rejected too.
    if (error.kind === 'rejected') counts.twice++
    else counts.errors++
    remember(`${error.code ?? error.name}: ${error.message}`)
  }
}

/** The number of open files. Node counts a file as an active resource only while it is in use. */
const openFiles = () => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0)

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
    handles: process.getActiveResourcesInfo().length + openFiles(),
    messages: [...messages],
  })
  messages.clear()
})
process.on('disconnect', () => process.exit())
