import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import dotdog from '../../../src/core/index.js'
import { startGetter, temporary } from '../../support/children.js'
import { startUpstream } from '../../support/upstream.js'

const script = join(import.meta.dirname, 'fixtures/reporter.cjs')

const next = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)))
  })

async function reporters(t: Test, size: number, env: Record<string, string>) {
  const upstream = await startUpstream({ delay: 50 })
  t.teardown(() => upstream.close())
  const DIR = temporary((end) => t.teardown(end))
  const all = { PATH: process.env.PATH, DIR, URL: upstream.url, ...env }
  const children = Array.from({ length: size }, () => fork(script, { env: all, execArgv: [] }))
  const exits = children.map((child) => new Promise((resolve) => child.once('exit', resolve)))
  t.teardown(async () => {
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(exits)
  })
  await Promise.all(children.map(next))
  const answers = Promise.all(children.map(next))
  for (const child of children) child.send('go')
  const reports = (await answers) as { held: string; values: string[] }[]
  t.same(await Promise.all(exits), Array(size).fill(0))
  return { upstream, reports }
}

// Bug of WxJava: a forced refresh does not read what another process has just stored.
t.test('Thirty reports of one dead value in three processes cause one fetch', async (t) => {
  const { upstream, reports } = await reporters(t, 3, { TIMES: '10' })
  t.equal(upstream.count, 2, 'the first fetch, and one more')
  t.same(new Set(reports.map(({ held }) => held)), new Set(['token-1-of-the-upstream']))
  const values = reports.flatMap((each) => each.values)
  t.equal(values.length, 30)
  t.same(new Set(values), new Set(['token-2-of-the-upstream']))
  t.same(upstream.overlaps, [])
})

t.test('Thirty forced reports of one dead value cause one fetch', async (t) => {
  const call = JSON.stringify({ rejected: 'token-1-of-the-upstream', force: true })
  const { upstream, reports } = await reporters(t, 3, { TIMES: '10', CALL: call })
  t.equal(upstream.count, 2)
  t.same(new Set(reports.flatMap(({ values }) => values)), new Set(['token-2-of-the-upstream']))
})

t.test('Concurrent forced refreshes in one process cause one fetch', async (t) => {
  const dog = dotdog.createDog({ dir: temporary((end) => t.teardown(end)) })
  t.teardown(() => dog.close())
  let fetches = 0
  dog.init('KEY', async () => ({ value: `value ${++fetches}`, expiresIn: 60 }))
  await dog.get('KEY')
  const values = await Promise.all([1, 2, 3, 4].map(() => dog.refresh('KEY', { force: true })))
  t.same(new Set(values), new Set(['value 2']))
  t.equal(fetches, 2)
})

// Bug of WxJava: a process that waits for the refresh of another one throws after 3 s.
t.test('A process waits longer than 3 s for the fetch of another process', async (t) => {
  const upstream = await startUpstream({ delay: 3500 })
  t.teardown(() => upstream.close())
  const DIR = temporary((end) => t.teardown(end))
  const asked = upstream.asked()
  const first = startGetter({ DIR, URL: upstream.url })
  await asked
  const second = startGetter({ DIR, URL: upstream.url })
  const answers = await Promise.all([first.answered, second.answered])
  t.same(
    answers.map(({ value }) => value),
    Array(2).fill('token-1-of-the-upstream'),
  )
  t.equal(upstream.count, 1)
  t.equal(answers[1].waited, 1)
})
