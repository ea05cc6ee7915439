// Eight processes whose stable token dies again and again. Time is compressed: the clocks of the
// processes and of the platform run 300 times as fast as the machine's, and are set forward by
// hours between the storms. The platform's own limits are off, so that only the limits of dotdog
// apply.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Children, startChildren } from './children.js'
import { setUp } from './setup.js'

const HOUR_MS = 3_600_000

/** A proxy in front of the platform that records when a forced fetch arrives. */
async function watchForces(t: Test, url: string, now: () => number) {
  const forces: number[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    if (body.includes('"force_refresh":true')) forces.push(now())
    const init = request.method === 'POST' ? { method: 'POST', body } : {}
    const answer = await fetch(`${url}${request.url}`, init)
    response.end(await answer.text())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { forces, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

interface StormResult {
  ok: number
  failed: number
  codes: Record<string, number>
}

async function warped(t: Test, size: number, factor: number) {
  const base = Date.now()
  const now = () => base + (Date.now() - base) * factor
  const { fake } = await setUp(t, { now, forceGap: 0, limits: { forced: 1_000_000 } })
  const { forces, url } = await watchForces(t, fake.url, () => fake.now())
  const env = { APPID: fake.appId, APPSECRET: fake.appSecret, BASE_URL: url, BASE: `${base}`, FACTOR: `${factor}` }
  const dir = join(t.testdir(), '.dog')
  const children = await startChildren(
    t,
    'warp',
    Array.from({ length: size }, () => ({ ...env, DIR: dir })),
  )
  return { fake, forces, children }
}

async function storm(fake: { killToken(appId?: string, family?: 'stable'): void }, children: Children, ms: number) {
  const killer = setInterval(() => fake.killToken(undefined, 'stable'), 40)
  try {
    const all = await children.ask<StormResult>({ storm: ms })
    return all.reduce((sum, { ok, failed }) => ({ ok: sum.ok + ok, failed: sum.failed + failed }), { ok: 0, failed: 0 })
  } finally {
    clearInterval(killer)
  }
}

t.test('eight processes force at most twenty times in any 24 hours, and not twice within 30 s', async (t) => {
  const { fake, forces, children } = await warped(t, 8, 300)
  const advance = async (ms: number) => {
    fake.advance(ms)
    await children.ask({ advance: ms })
  }
  const first = await storm(fake, children, 9000)
  const used = forces.length
  t.comment(`${used} forced refreshes, ${first.ok} calls, ${first.failed} failures in 45 minutes`)
  t.ok(first.ok > 0 && used > 5 && used <= 20, `${used} forced`)

  // Within the day only the rest of the twenty may be used.
  await advance(20 * HOUR_MS)
  await storm(fake, children, 2000)
  t.ok(forces.length <= 20, `${forces.length} in a day`)
  await advance(5 * HOUR_MS)
  const second = await storm(fake, children, 4000)
  t.comment(`${forces.length} in all after a day, ${second.ok} calls`)
  t.ok(forces.length > used, 'the next day has permits again')

  for (let i = 1; i < forces.length; i++) {
    if (forces[i]! - forces[i - 1]! < 30_000) t.fail(`${forces[i]! - forces[i - 1]!} ms apart`)
  }
  for (let i = 20; i < forces.length; i++) {
    if (forces[i]! - forces[i - 20]! < 24 * HOUR_MS) t.fail('twenty-one in a day')
  }
  t.same(await children.end(), Array(8).fill(0))
})

t.test('no call fails while a stable token passes its last five minutes again and again', async (t) => {
  const { fake, forces, children } = await warped(t, 3, 1200)
  const ended = await children.ask<StormResult>({ storm: 12_500 })
  const hours = (12.5 * 1200) / 3600
  t.comment(`${fake.count.stableRotated} tokens in ${hours} hours, ${fake.count.stable} questions, ${fake.count.call} calls`)
  for (const { failed, codes } of ended) t.equal(failed, 0, JSON.stringify(codes))
  t.ok(fake.count.stableRotated >= 3 && fake.count.stableRotated <= 4, `${fake.count.stableRotated} tokens`)
  // A fifth of a real second is four minutes here, so a stalled process may send a token that has
  // just expired.
  t.ok(fake.count.rejected <= 3, `${fake.count.rejected} refused`)
  t.same(forces, [])
  t.same(await children.end(), [0, 0, 0])
})
