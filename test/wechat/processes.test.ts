import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { setUp } from './setup.js'

const script = new URL('./fixtures/caller.cjs', import.meta.url).pathname

const next = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)))
  })

async function callers(t: Test, size: number) {
  const dir = join(t.testdir(), '.dog')
  const { fake } = await setUp(t, { delay: 50, overlap: 0, maxLive: 1 })
  const env = { ...process.env, APPID: fake.appId, APPSECRET: fake.appSecret, BASE_URL: fake.url, DIR: dir }
  const children = Array.from({ length: size }, () => fork(script, { env, execArgv: [] }))
  await Promise.all(children.map(next))
  const all = async (task: 'sign' | 'call', times: number): Promise<string[]> => {
    const answers = Promise.all(children.map(next))
    for (const child of children) child.send({ task, times })
    return ((await answers) as string[][]).flat()
  }
  /** Resolves to the exit codes: the children end by themselves. */
  const end = () => {
    const exits = children.map((child) => new Promise((resolve) => child.once('exit', resolve)))
    for (const child of children) child.disconnect()
    return Promise.all(exits)
  }
  return { fake, all, end }
}

const ok = (count: number): string[] => Array.from({ length: count }, () => 'ok')

t.test('eight cold processes that need a signature are one token and one ticket', async (t) => {
  const { fake, all, end } = await callers(t, 8)
  t.same(await all('sign', 1), ok(8))
  t.match(fake.count, { token: 1, ticket: 1, rejected: 0 })
  t.same(await end(), Array(8).fill(0))
})

t.test('thirty callers in three processes that report one dead token are one new fetch, and all succeed', async (t) => {
  const { fake, all, end } = await callers(t, 3)
  await all('call', 1)
  fake.killToken()
  t.same(await all('call', 10), ok(30))
  t.equal(fake.count.token, 2)
  t.same(await end(), [0, 0, 0])
})

for (const fault of [40001, 40164, 45009, 'html', 'truncated', 'drop'] as const) {
  t.test(`a token endpoint with ${fault} is asked once or twice, and every process has a clear error`, async (t) => {
    const { fake, all, end } = await callers(t, 4)
    fake.fail('token', fault)
    for (const answer of await all('sign', 3)) t.match(answer, /^ERR_DOG_FETCH: .*WeChat/)
    t.ok(fake.count.token <= 2, `${fake.count.token} calls`)
    t.same(await end(), [0, 0, 0, 0])
  })
}
