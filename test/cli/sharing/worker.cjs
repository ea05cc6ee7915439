// A Node worker that uses the token. worker.cjs URL STOP-FILE; the account is in the environment.
const { existsSync } = require('node:fs')
const { setTimeout: pause } = require('node:timers/promises')
const { createDog } = require('../../../dist/index.js')
const { wechat } = require('../../../dist/wechat/index.js')

const [url, stop] = process.argv.slice(2)
const { WX_APPID: appId, WX_APPSECRET: appSecret, WORKER_DIR: dir } = process.env
const wx = wechat({ appId, appSecret, baseUrl: url, dog: createDog({ dir }) })

async function main() {
  while (!existsSync(stop)) {
    await wx.call('/cgi-bin/getcallbackip').catch((error) => console.log(`failed ${error.message}`))
    console.log(`used ${await wx.accessToken.get()}`)
    await pause(100)
  }
}
main()
