import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startChildren } from './children.js'
import { setUp } from './setup.js'

async function callers(t: Test, size: number, extra: Record<string, string> = {}) {
  const dir = join(t.testdir(), '.dog')
  const { fake } = await setUp(t, { delay: 50, overlap: 0, maxLive: 1 })
  const env = { APPID: fake.appId, APPSECRET: fake.appSecret, BASE_URL: fake.url, DIR: dir, ...extra }
  const children = await startChildren(
    t,
    'caller',
    Array.from({ length: size }, () => env),
  )
  const all = async (task: 'sign' | 'call', times: number) => (await children.ask<string[]>({ task, times })).flat()
  return { fake, all, end: children.end }
}

const ok = (count: number): string[] => Array.from({ length: count }, () => 'ok')

for (const STABLE of ['no', 'yes']) {
  const kind = STABLE === 'yes' ? ' stable' : ''
  const endpoint = STABLE === 'yes' ? 'stable' : 'token'

  t.test(`eight processes without a value that need a signature fetch one${kind} token and one ticket`, async (t) => {
    const { fake, all, end } = await callers(t, 8, { STABLE })
    t.same(await all('sign', 1), ok(8))
    t.match(fake.count, { token: 0, stable: 0, [endpoint]: 1, ticket: 1, rejected: 0 })
    t.same(await end(), Array(8).fill(0))
  })

  t.test(
    `thirty callers in three processes that report one dead${kind} token get one new token, and all succeed`,
    async (t) => {
      const { fake, all, end } = await callers(t, 3, { STABLE })
      await all('call', 1)
      fake.killToken()
      t.same(await all('call', 10), ok(30))
      // A stable token is fetched without force first, because another process may have forced it
      // already.
      if (STABLE === 'yes') t.match(fake.count, { token: 0, stable: 3, forced: 1, stableRotated: 2 })
      else t.match(fake.count, { token: 2, stable: 0 })
      t.same(await end(), [0, 0, 0])
    },
  )

  const faults =
    STABLE === 'yes' ? ([40125, 'truncated'] as const) : ([40001, 40164, 45009, 'html', 'truncated', 'drop'] as const)
  for (const fault of faults) {
    t.test(
      `a${kind} token endpoint with the fault ${fault} gets one or two requests, and each process gets a clear error`,
      async (t) => {
        const { fake, all, end } = await callers(t, 3, { STABLE })
        fake.fail(endpoint, fault)
        for (const answer of await all('sign', 3)) t.match(answer, /^WECHAT_\w+: .*WeChat/)
        t.ok(fake.count[endpoint] <= 2, `${fake.count[endpoint]} calls`)
        t.same(await end(), [0, 0, 0])
      },
    )
  }
}
