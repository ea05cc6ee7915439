// One fetch is shared by two installed copies in one process, by worker threads, and by the workers
// of a cluster.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { start } from '../../support/children.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { countingFetcher } from '../../support/test-dog.js'
import { deferred, pause, until } from '../../support/timing.js'
import { startUpstream } from '../../support/upstream.js'
import { installCopy } from './builds.js'

const here = import.meta.dirname

function twoCopies(t: Test) {
  const base = temporaryFolder(t)
  const dir = join(base, '.dog')
  const copies = [installCopy(base, 'one').load(), installCopy(base, 'two').load()].map((dotdog) => dotdog.createDog({ dir }))
  t.teardown(() => Promise.all(copies.map((dog) => dog.close())))
  return { dir, one: copies[0]!, two: copies[1]! }
}

t.test('Two installed copies in one process make one fetch of a key, and both see each refresh', async (t) => {
  const { one, two } = twoCopies(t)
  t.not(one.init, two.init)
  const fetcher = countingFetcher({ expiresIn: 60 }, 150)
  for (const dog of [one, two]) dog.init('K', fetcher)
  const values = await Promise.all(Array.from({ length: 20 }, (_, i) => [one, two][i % 2]!.get('K')))
  t.strictSame([...new Set(values)], ['v1'])
  t.equal(fetcher.calls.count, 1)
  const reports = await Promise.all([one.refresh('K', { rejected: 'v1' }), two.refresh('K', { rejected: 'v1' })])
  t.strictSame(reports, ['v2', 'v2'])
  t.equal(fetcher.calls.count, 2)
  await Promise.all([one.set('K', 'a', { expiresIn: 60 }), two.set('K', 'b', { expiresIn: 60 })])
  t.equal(await one.refresh('K', { rejected: 'none' }), await two.refresh('K', { rejected: 'none' }))
})

t.test('Two copies in one process that share their dependencies do not end the heartbeat of the other', async (t) => {
  const { dir, one, two } = twoCopies(t)
  const hold = deferred()
  one.init('SHORT', async () => {
    await until(() => readdirSync(join(dir, '.lock')).includes('LONG'))
    return { value: 'v', expiresIn: 60 }
  })
  two.init('LONG', async () => {
    await hold.promise
    return { value: 'v', expiresIn: 60 }
  })
  // Both copies take their first lease at the same time.
  const both = [one.get('SHORT'), two.get('LONG')]
  await both[0]
  const lock = join(dir, '.lock/LONG')
  const beat = () => statSync(join(lock, readdirSync(lock)[0]!)).ctimeMs
  const last = beat()
  const end = performance.now() + 6000
  while (beat() === last && performance.now() < end) await pause(50)
  t.not(beat(), last, 'a heartbeat within 6 s')
  hold.resolve()
  await both[1]
})

const threadsOf = (t: Test, count: number, workerData: Record<string, string>) =>
  Array.from({ length: count }, () => {
    const worker = new Worker(join(here, 'fixtures/worker.cjs'), { workerData })
    t.teardown(() => worker.terminate())
    const answer = new Promise<{ value?: string; code?: string }>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    answer.catch(() => {})
    return { worker, answer }
  })

t.test('Eight worker threads make one fetch', async (t) => {
  const upstream = await startUpstream({ delay: 300 })
  t.teardown(() => upstream.close())
  const threads = threadsOf(t, 8, { DIR: join(temporaryFolder(t), '.dog'), URL: upstream.url })
  const answers = await Promise.all(threads.map(({ answer }) => answer))
  t.strictSame([...new Set(answers.map(({ value }) => value))], ['token-1-of-the-upstream'])
  t.equal(upstream.count, 1)
})

t.test('A worker thread that is terminated during its fetch is replaced by one other after its time-out', async (t) => {
  const upstream = await startUpstream({ delay: 60_000 })
  t.teardown(() => upstream.close())
  const data = { DIR: join(temporaryFolder(t), '.dog'), URL: upstream.url, TIMEOUT: '2' }
  const asked = upstream.asked()
  const [holder] = threadsOf(t, 1, data)
  await asked
  const takenAt = performance.now()
  await holder!.worker.terminate()
  upstream.delay = 50
  const others = threadsOf(t, 3, { ...data, TIMEOUT: '10' })
  const answers = await Promise.all(others.map(({ answer }) => answer))
  t.strictSame([...new Set(answers.map(({ value }) => value))], ['token-2-of-the-upstream'])
  t.equal(upstream.count, 2)
  t.ok(upstream.askedAt[1]! - takenAt > 3000, 'no takeover before the time-out, as its pid is alive')
})

t.test('Eight cluster workers make one fetch', async (t) => {
  const upstream = await startUpstream({ delay: 300 })
  t.teardown(() => upstream.close())
  const child = start(join(here, 'fixtures/cluster.cjs'), { DIR: join(temporaryFolder(t), '.dog'), URL: upstream.url })
  t.teardown(() => void (child.process.exitCode ?? child.process.kill('SIGKILL')))
  const { out, err, code } = await child.exited
  t.strictSame([code, err], [0, ''])
  const answers = JSON.parse(out) as Array<{ value: string }>
  t.strictSame(answers, Array(8).fill({ value: 'token-1-of-the-upstream' }))
  t.equal(upstream.count, 1)
})
