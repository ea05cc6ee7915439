import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog, createTestDog } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

/**
 * Promises that settle without a wait run in one tick of the event loop. A value from earlier in
 * the tick was once served again after it had been replaced.
 */
t.test('A value that was replaced in the same tick of the event loop is not served from the turn cache', async (t) => {
  const dir = temporaryFolder(t)
  const [dog, other] = [createDog({ dir }), createDog({ dir })]
  t.teardown(() => Promise.all([dog.close(), other.close()]))
  await other.set('K', 'old', { expiresIn: 3600 })
  t.equal(await dog.get('K'), 'old')
  t.equal(dog.peek('K')?.value, 'old')
  await other.set('K', 'new', { expiresIn: 3600 })
  dog.get('K')
  dog.peek('K')
  t.equal(await dog.refresh('K', { rejected: 'old' }), 'new')
  t.equal(dog.peek('K')?.value, 'new')
  t.equal(await dog.get('K'), 'new')
})

t.test('peek returns one frozen object to all callers of a tick', async (t) => {
  const dog = createDog({ dir: temporaryFolder(t) })
  t.teardown(() => dog.close())
  await dog.set('K', 'kept', { expiresIn: 3600 })
  for (let round = 0; round < 3; round++) {
    const peeked = dog.peek('K') as { value: string }
    t.throws(() => {
      peeked.value = 'changed'
    }, TypeError)
    t.equal(await dog.get('K'), 'kept')
  }
})

/**
 * Input that ends a long wait runs before any setImmediate callback. The turn cache once lasted
 * until such a callback ran, and so served values from before the wait.
 */
type Line = { value?: string; peeked?: string; port?: number }

/** Starts a process that sleeps until input arrives. */
async function startSleeper(t: Test, dir: string, way: string) {
  const stdio = way === 'ipc' ? (['pipe', 'pipe', 'inherit', 'ipc'] as const) : (['pipe', 'pipe', 'inherit'] as const)
  const script = join(import.meta.dirname, 'fixtures/idle.cjs')
  const child = spawn(process.execPath, [script, way], { env: { ...process.env, DIR: dir }, stdio: [...stdio] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines: AsyncIterator<string> = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const next = async (): Promise<Line> => JSON.parse((await lines.next()).value)
  let send = (word: string): unknown => (way === 'ipc' ? child.send(word) : child.stdin!.write(word))
  if (way === 'socket') {
    const { port } = await next()
    const socket = connect(port!, '127.0.0.1')
    t.teardown(() => socket.destroy())
    send = (word) => socket.write(word)
  }
  const ask = (word: string) => {
    const line = next()
    send(word)
    return line
  }
  return { first: await next(), ask }
}

for (const way of ['ipc', 'socket', 'stdin']) {
  t.test(`A value that was replaced during an idle wait is not served after it (input by ${way})`, async (t) => {
    const dir = temporaryFolder(t)
    const dog = createDog({ dir })
    t.teardown(() => dog.close())
    await dog.set('K', 'old', { expiresIn: 3600 })
    const { first, ask } = await startSleeper(t, dir, way)
    t.equal(first.value, 'old')
    await dog.set('K', 'new', { expiresIn: 3600 })
    // Longer than a value in memory is used without a read of the store.
    await pause(400)
    t.same(await ask('now'), { value: 'new', peeked: 'new' })
  })

  t.test(`A value that expired during an idle wait is not served after it (input by ${way})`, async (t) => {
    const dir = temporaryFolder(t)
    const dog = createDog({ dir })
    t.teardown(() => dog.close())
    await dog.set('K', 'old', { expiresIn: 3600 })
    const { first, ask } = await startSleeper(t, dir, way)
    t.equal(first.value, 'old')
    await pause(100)
    t.same(await ask('later'), { value: 'fetched here 1' })
  })
}

t.test('A process that blocks its event loop past an expiry does not get the expired value', async (t) => {
  const { dog } = createTestDog(t)
  let fetches = 0
  dog.init('K', async () => ({ value: `v${++fetches}`, expiresIn: fetches === 1 ? 0.4 : 3600, refreshAhead: 0 }))
  t.equal(await dog.get('K'), 'v1')
  const expiry = dog.peek('K')!.expiresAt
  const inTime = dog.get('K')
  const again = dog.get('K')
  // Blocks the event loop, so that neither timers nor input are handled.
  while (Date.now() <= expiry);
  const after = dog.get('K')
  t.equal(dog.peek('K'), undefined)
  t.same(await Promise.all([inTime, again, after]), ['v1', 'v1', 'v2'])
})
