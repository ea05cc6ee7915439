// What requiring and registering cost. Loading undici alone would double the run time of a small
// script.
import { execFile } from 'node:child_process'
import t from 'tap'
import '../support/built.js'

const built = (name: string): string => JSON.stringify(new URL(`../../dist/${name}`, import.meta.url).pathname)

function run(script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['-e', script], { timeout: 20_000 }, (error, stdout) =>
      error ? reject(error) : resolve(stdout.trim()),
    )
  })
}

const loaded = `JSON.stringify(Object.keys(require.cache).some((file) => file.includes('/undici/')))`

t.test('the first request loads the HTTP client, and nothing loads it before', async (t) => {
  const begin = `
    const { createDog, memoryStore } = require(${built('index.js')})
    const { wechat, signJsapi } = require(${built('wechat/index.js')})
    const dog = createDog({ store: memoryStore() })
    const wx = wechat({ appId: 'wx0', appSecret: 's', baseUrl: 'http://127.0.0.1:1', dog })
    signJsapi({ ticket: 'T', url: 'https://example.com/' })`
  t.equal(await run(`${begin}; console.log(${loaded})`), 'false')
  t.equal(
    await run(
      `${begin}; wx.accessToken.set('A', { expiresIn: 60 }).then(() => wx.accessToken.get()).then(() => console.log(${loaded}))`,
    ),
    'false',
  )
  t.equal(await run(`${begin}; wx.accessToken.get().catch(() => console.log(${loaded}))`), 'true')
})

t.test('an account without a dog is kept by the default dog', async (t) => {
  const script = `
    const { peek, set } = require(${built('index.js')})
    process.env.DOTDOG_DIR = ${JSON.stringify(t.testdir())}
    const wx = require(${built('wechat/index.js')}).wechat({ appId: 'wx0', appSecret: 's' })
    wx.accessToken.set('A', { expiresIn: 60 }).then(() => console.log(peek('ACCESS_TOKEN').value))`
  t.equal(await run(script), 'A')
})
