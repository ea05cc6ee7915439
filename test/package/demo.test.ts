// `npm start`, as a user runs it.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { setUp } from '../wechat/setup.js'

const demo = new URL('../../dist/demo/index.js', import.meta.url).pathname

interface Ended {
  code: number
  stdout: string
  stderr: string
}

function run(extra: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const { WX_APPID, WX_APPSECRET, WX_BASE_URL, FORCE_COLOR, ...env } = process.env
  return new Promise((resolve) => {
    execFile(process.execPath, [demo], { env: { ...env, ...extra }, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
  })
}

t.test('the demo ends by itself, and every figure is as promised', async (t) => {
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

t.test('the demo prints no colours without a terminal', async (t) => {
  const { stdout } = await run()
  t.notOk(stdout.includes('\u001b'))
})

t.test('with WX_APPID and WX_APPSECRET the demo uses that account and its earlier values, and revokes nothing', async (t) => {
  const { fake } = await setUp(t)
  const env = {
    WX_APPID: fake.appId,
    WX_APPSECRET: fake.appSecret,
    WX_BASE_URL: fake.url,
    DOTDOG_DIR: join(t.testdir(), '.dog'),
  }
  const cold = await run(env)
  t.equal(cold.code, 0, cold.stderr)
  t.match(cold.stdout, `The real platform, account ${fake.appId}`)
  t.match(cold.stdout, 'token fetched once, ticket fetched once.')
  t.match(cold.stdout, 'the recovery is left out')
  const warm = await run(env)
  t.equal(warm.code, 0, warm.stderr)
  t.match(warm.stdout, 'token fetched never, ticket fetched never.')
  t.match(fake.count, { token: 1, ticket: 1, call: 0 })
  const said = cold.stdout + cold.stderr + warm.stdout + warm.stderr
  for (const secret of [fake.appSecret, fake.currentToken()!]) t.notOk(said.includes(secret))
})

t.test('a failure of the demo is a plain message and exit code 1', async (t) => {
  const { fake } = await setUp(t)
  fake.fail('token', 40164)
  const env = {
    WX_APPID: fake.appId,
    WX_APPSECRET: fake.appSecret,
    WX_BASE_URL: fake.url,
    DOTDOG_DIR: join(t.testdir(), '.dog'),
  }
  const { code, stdout, stderr } = await run(env)
  t.equal(code, 1)
  t.match(stderr, /Add 127\.0\.0\.1 to the IP whitelist/)
  t.notMatch(stderr, /^ +at /m, 'no stack')
  t.notOk((stdout + stderr).includes(fake.appSecret))
  t.ok(fake.count.token <= 2)
})
