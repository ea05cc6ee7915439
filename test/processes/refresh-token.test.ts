// A rotating refresh token in real processes, against a server that ends a login at the first reuse.
import t, { type Test } from 'tap'
import { type RotatingServer, startRotatingServer } from '../fetchers/rotating-server.js'
import { fixture, start, temporary } from '../support/children.js'
import { deferred } from '../support/timing.js'

interface Output {
  access?: string
  seedId?: string
  code?: string
  message?: string
  retryAt?: number
  fetches: number
}

const LOG_IN = /log in again/

async function prepare(
  t: Test,
): Promise<{ server: RotatingServer; run: (env?: Record<string, string>) => ReturnType<typeof start> }> {
  const server = await startRotatingServer(t)
  const dir = temporary((end) => t.teardown(end))
  const seed = server.logIn()
  const run = (env: Record<string, string> = {}) => {
    const child = start(fixture('refresh-token.cjs'), { DIR: `${dir}/.dog`, URL: server.url, SEED: seed, ...env })
    t.teardown(() => child.process.kill('SIGKILL'))
    return child
  }
  return { server, run }
}
const output = async (child: ReturnType<typeof start>) => (await child.answered) as unknown as Output

t.test('eight processes that refresh again and again use no refresh token twice', async (t) => {
  const { server, run } = await prepare(t)
  const outputs = await Promise.all(Array.from({ length: 8 }, () => output(run({ REFRESHES: '6' }))))
  for (const one of outputs) t.match(one, { access: /^access-for-refresh/, code: undefined })
  t.equal(server.reuses, 0)
  t.equal(new Set(server.asked).size, server.asked.length)
  t.ok(server.asked.length >= 7, `${server.asked.length} exchanges`)
  t.equal(
    outputs.reduce((sum, { fetches }) => sum + fetches, 0),
    server.asked.length,
  )
})

t.test('a process that is killed before the server took its refresh token costs nothing', async (t) => {
  const { server, run } = await prepare(t)
  const arrived = deferred()
  const gate = deferred()
  server.before = () => {
    arrived.resolve()
    return gate.promise
  }
  const victim = run()
  await arrived.promise
  // The request has not been handled yet, and its connection goes with the process.
  server.before = undefined
  server.dropHeld = true
  victim.process.kill('SIGKILL')
  await victim.exited
  gate.resolve()
  t.match(await output(run()), { access: /^access-for-refresh/ })
  t.equal(server.reuses, 0)
})

t.test(
  'a process that is killed after the server rotated takes the newest token with it: all are told to log in again, once',
  async (t) => {
    const { server, run } = await prepare(t)
    const rotated = deferred()
    server.beforeAnswer = () => {
      rotated.resolve()
      return deferred().promise
    }
    const victim = run()
    await rotated.promise
    server.beforeAnswer = undefined
    victim.process.kill('SIGKILL')
    await victim.exited
    const told = await Promise.all(Array.from({ length: 8 }, () => output(run())))
    for (const one of told) t.match(one, { code: 'ERR_DOG_FETCH', message: LOG_IN })
    t.match(told[0]!.message, /killed before it could keep the answer/)
    t.equal(server.asked.length, 2, 'the fetch that was killed, and one that told it to all')
    t.match(await output(run()), { message: LOG_IN }, 'also to a process that starts later')
    t.equal(server.asked.length, 2)
    const seed = server.logIn()
    const renewed = await Promise.all(Array.from({ length: 4 }, () => output(run({ SEED: seed }))))
    t.equal(new Set(renewed.map(({ access }) => access)).size, 1)
    t.match(renewed[0], { access: /^access-for-refresh/ })
    t.equal(server.asked.length, 3)
    t.match(
      await output(run({ REFRESHES: '2' })),
      { seedId: renewed[0]!.seedId },
      'a process with the old seed goes on with the new login',
    )
    t.equal(server.reuses, 1, 'only that of the killed process')
    // Nothing was kept of the old login, so that its dead seed is tried once more, and then known.
    t.equal(server.asked.length, 6)
    await output(run({ REFRESHES: '1' }))
    t.equal(server.asked.length, 7)
  },
)
