// The built file as a package in node_modules: which packages it loads and when, and its error if
// the optional package is missing.
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { start, temporary } from '../support/children.js'
import { serve } from './setup.js'

const root = resolve(import.meta.dirname, '../..')

/** A folder with `dotdog/fetchers` and, if so wished, oauth4webapi. */
function consumer(t: Test, isComplete: boolean): string {
  const dir = temporary((end) => t.teardown(end))
  const place = join(dir, 'node_modules/dotdog')
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'package.json'), '{"name":"dotdog","version":"1.0.0","exports":{"./fetchers":"./fetchers.js"}}')
  copyFileSync(join(root, 'dist/fetchers/index.js'), join(place, 'fetchers.js'))
  if (isComplete) symlinkSync(join(root, 'node_modules/oauth4webapi'), join(dir, 'node_modules/oauth4webapi'), 'junction')
  const script = `
    const loaded = () => Object.keys(require.cache).filter((file) => file.includes('oauth4webapi') || file.includes('undici')).length
    const { oauth2, wecom } = require('dotdog/fetchers')
    const { URL: url } = process.env
    const run = ([fetcher]) => fetcher({ signal: new AbortController().signal }).then((result) => result.value, (error) => error)
    async function main() {
      const plain = wecom({ corpId: 'w', corpSecret: 's', agentId: 1, baseUrl: url })
      const registration = oauth2({ tokenUrl: url, clientId: 'c', clientSecret: 'a secret' })
      const before = loaded()
      const value = await run(plain)
      const between = loaded()
      const { code, message } = Object(await run(registration))
      console.log(JSON.stringify({ before, value, between, after: loaded() > 0, code, message }))
    }
    main()`
  writeFileSync(join(dir, 'main.cjs'), script)
  return join(dir, 'main.cjs')
}

async function printed(t: Test, isComplete: boolean) {
  const body = { errcode: 0, access_token: 'a-token', token_type: 'Bearer', expires_in: 60 }
  const { url } = await serve(t, () => ({ body }))
  const { code, out, err } = await start(consumer(t, isComplete), { URL: url }).exited
  t.equal(code, 0, err)
  t.equal(err, '', 'no warning, not even that an ES module was required')
  return JSON.parse(out)
}

t.test('the first fetch that needs the optional package loads it, without a warning', async (t) => {
  t.match(await printed(t, true), { before: 0, value: 'a-token', between: 0, after: true, code: undefined })
})

t.test('without the optional package the other providers work, and the error says what to install', async (t) => {
  const found = await printed(t, false)
  t.match(found, { before: 0, value: 'a-token', after: false, code: 'FETCHER_DEPENDENCY' })
  t.match(found.message, 'npm install oauth4webapi')
})
