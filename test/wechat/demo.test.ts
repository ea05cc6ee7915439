// `npm start`, as a person runs it.
import { execFile } from 'node:child_process'
import t from 'tap'

const demo = new URL('../../dist/demo/index.js', import.meta.url).pathname

function run(): Promise<{ code: number; stdout: string; stderr: string }> {
  const { WX_APPID, WX_APPSECRET, FORCE_COLOR, ...env } = process.env
  return new Promise((resolve) => {
    execFile(process.execPath, [demo], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
  })
}

t.test('the demo ends by itself, with every figure as promised', async (t) => {
  const { code, stdout, stderr } = await run()
  t.equal(code, 0, stderr)
  t.equal(stderr, '')
  t.match(stdout, 'token fetched once, ticket fetched once.')
  t.match(stdout, 'token fetched twice, ticket fetched once, ')
  t.match(stdout, /ACCESS_TOKEN\.dog +\d+ +0600\n/)
  t.match(stdout, /JSAPI_TICKET\.dog +\d+ +0600\n/)
  t.match(stdout, 'All as promised.')
  t.equal(stdout.match(/^ +\d+ +(fetched|waited|read) +(fetched|waited|read) +\d+ +[0-9a-f]{12}…$/gm)?.length, 8)
})

t.test('without a terminal, the demo prints no colours', async (t) => {
  const { stdout } = await run()
  t.notOk(stdout.includes('\u001b'))
})
