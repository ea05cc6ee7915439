// A third-party platform: ticket, component token, authorizer token with a refresh token that
// rotates. Real processes are killed at each step, and the next process heals.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createServer, remoteStore } from '../remote/setup.js'
import { start as startProcess } from '../support/children.js'
import { until } from '../support/timing.js'
import { createDog, memoryStore, rejectionOf, setUp, wechat } from './setup.js'

const accounts = [
  { appId: 'wxcomponent', appSecret: 'component-secret-1' },
  { appId: 'wxshop', appSecret: 'not-known-to-the-platform' },
]

async function start(t: Test) {
  // The strictest platform: a replaced token dies at once.
  const { fake } = await setUp(t, { accounts, overlap: 0, maxLive: 1 })
  const env = { COMPONENT: 'wxcomponent', COMPONENT_SECRET: 'component-secret-1', SHOP: 'wxshop' }
  const here = { ...env, BASE_URL: fake.url, DIR: join(t.testdir(), '.dog') }
  const script = join(import.meta.dirname, 'fixtures/third-party.cjs')
  const run = (tasks: string[], more: Record<string, string> = {}) => startProcess(script, { ...here, ...more }, tasks).exited
  async function succeed(tasks: string[], more: Record<string, string> = {}): Promise<unknown[]> {
    const { code, out, err } = await run(tasks, more)
    if (code !== 0) throw new Error(err)
    return out
      .trim()
      .split('\n')
      .map((line) => (line === 'undefined' ? undefined : JSON.parse(line)))
  }
  /** The first ticket, and the first tokens of the shop. */
  async function authorise() {
    await succeed(['ticket'], { INPUT: fake.verifyTicket('wxcomponent') })
    await succeed(['authorised'], { INPUT: JSON.stringify(fake.authorize('wxshop')) })
  }
  return { fake, run, succeed, authorise }
}

t.test('the chain is fetched once for eight processes, and a dead token of any link is replaced', async (t) => {
  const { fake, succeed, authorise } = await start(t)
  await authorise()
  t.same(await Promise.all(Array.from({ length: 8 }, () => succeed(['call']))), Array(8).fill([3]))
  t.match(fake.count, { component: 0, authorizer: 0 }, 'the first tokens come with the authorisation')
  fake.killToken('wxshop')
  t.same(await Promise.all(Array.from({ length: 8 }, () => succeed(['call']))), Array(8).fill([3]))
  t.match(fake.count, { component: 1, authorizer: 1 })
  fake.killToken('wxcomponent')
  t.same(await succeed(['renew', 'call', 'sign']), [undefined, 3, 'wxshop'])
  t.match(fake.count, { component: 2, authorizer: 3 }, 'a dead component token is replaced within the fetch of the grant')
  t.same(await succeed(['renew', 'call']), [undefined, 3], 'the rotated refresh token was kept')
  t.match(fake.count, { token: 0, stable: 0, component: 2, authorizer: 4 })
})

const STEPS = [
  'before the component token is asked for',
  'after the component token has come',
  'before the grant is asked for',
  'after the grant has come',
  'before the token is taken from the grant',
  'after the token is taken from the grant',
]
for (const KILL_AT of STEPS) {
  t.test(`the next process heals a kill ${KILL_AT}`, async (t) => {
    const { fake, run, succeed, authorise } = await start(t)
    await authorise()
    await succeed(['call'])
    fake.killToken('wxshop')
    t.match(await run(['call'], { KILL_AT }), { signal: 'SIGKILL', out: '' })
    t.same(await succeed(['call']), [3])
    const renewed = await succeed(['renew', 'call', 'sign'])
    t.same(renewed, [undefined, 3, 'wxshop'], 'and its refresh token is good for the next time')
    t.ok(fake.count.component <= 2, `${fake.count.component} component tokens`)
    t.ok(fake.count.authorizer <= 3, `${fake.count.authorizer} grants`)
  })
}

for (const KILL_AT of ['before the ticket is stored', 'after the ticket is stored']) {
  t.test(`the next push heals a kill ${KILL_AT}`, async (t) => {
    const { fake, run, succeed } = await start(t)
    await succeed(['authorised'], { INPUT: JSON.stringify(fake.authorize('wxshop')) })
    t.match(await run(['ticket'], { KILL_AT, INPUT: fake.verifyTicket('wxcomponent') }), { signal: 'SIGKILL' })
    fake.killToken('wxshop')
    const early = await run(['call'])
    t.equal(early.code, KILL_AT.startsWith('after') ? 0 : 1, early.err)
    await succeed(['ticket'], { INPUT: fake.verifyTicket('wxcomponent') })
    // The token may rest for a moment: its fetcher had used the dead grant before it failed.
    await until(async () => (await run(['call'])).code === 0)
  })
}

t.test('a refresh token that the platform no longer knows says that the account must authorise again', async (t) => {
  const { fake, run, succeed, authorise } = await start(t)
  await authorise()
  fake.authorize('wxshop')
  fake.killToken('wxshop')
  const lost = await run(['call'])
  t.equal(lost.code, 1)
  t.match(lost.err, /61023 .* the account must authorise again/)
  t.notMatch(lost.err, /refreshtoken@@@/)
  await succeed(['authorised'], { INPUT: JSON.stringify(fake.authorize('wxshop')) })
  t.same(await succeed(['call']), [3])
})

t.test('an account without AppSecret and token fetcher follows, and leaves no failure behind', async (t) => {
  const { fake, account, wx } = await setUp(t, {}, join(t.testdir(), '.dog'))
  const { appSecret: _, ...rest } = account
  const dog = createDog({ dir: join(t.testdirName, '.dog') })
  t.teardown(() => dog.close())
  for (const stable of [false, true]) {
    const follower = wechat({ ...rest, dog, stable })
    t.match(await rejectionOf(follower.call('/cgi-bin/getcallbackip')), { code: 'ERR_DOG_NO_FETCHER' })
    t.match(await rejectionOf(follower.signUrl('https://example.com/')), { code: 'ERR_DOG_NO_FETCHER' })
  }
  const follower = wechat({ ...rest, dog })
  await wx.signUrl('https://example.com/')
  t.match(await follower.signUrl('https://example.com/'), { appId: fake.appId })
  t.match(await follower.call('/cgi-bin/getcallbackip'), { ip_list: [/./] })
  t.match(fake.count, { token: 1, ticket: 1, stable: 0 })
})

t.test('an account without AppSecret on a central server uses its token, and a dead one is replaced there', async (t) => {
  const { fake, account, dog: central } = await setUp(t, {}, join(t.testdir(), '.dog'))
  const token = 'a-token-of-a-client-0123456789'
  const tokenSha256 = createHash('sha256').update(token).digest('hex')
  const server = createServer({ dog: central, clients: [{ name: 'shop', tokenSha256, keys: ['*'], refresh: true }] })
  const store = remoteStore({ url: await server.listen({ port: 0 }), token })
  const dog = createDog({ store })
  t.teardown(async () => {
    await dog.close()
    await store.close()
    await server.close()
  })
  const { appSecret: _, ...rest } = account
  const wx = wechat({ ...rest, dog })
  t.match(await wx.signUrl('https://example.com/'), { appId: fake.appId, signature: /./ })
  fake.killToken()
  t.match(await wx.call('/cgi-bin/getcallbackip'), { ip_list: [/./] })
  t.match(fake.count, { token: 2, ticket: 1, rejected: 1 })
})

t.test('a token fetcher of its own is used in place of the platform, and its dead token is replaced', async (t) => {
  const { fake, account } = await setUp(t)
  const { appSecret: _, ...rest } = account
  const fetched: string[] = []
  const token = ({ reason }: { reason: string }) => {
    fetched.push(reason)
    return { value: fake.authorize().authorizer_access_token, expiresIn: 7200 }
  }
  const wx = wechat({ ...rest, dog: createDog({ store: memoryStore() }), token })
  t.match(await wx.call('/cgi-bin/getcallbackip'), { ip_list: [/./] })
  fake.killToken()
  t.match(await wx.signUrl('https://example.com/'), { signature: /./ })
  t.same(fetched, ['missing', 'rejected'])
  t.equal(fake.count.token, 0)
})
