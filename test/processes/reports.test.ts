import t from 'tap'
import { fixture, mapConcurrently, start, startGetter } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { startUpstream } from '../support/upstream.js'

t.test('30 callers in 3 processes that report one dead token make one fetch, and all succeed', async (t) => {
  const dir = temporaryFolder(t)
  const upstream = await startUpstream({ delay: 100 })
  t.teardown(() => upstream.close())
  await startGetter({ DIR: dir, URL: upstream.url }).answered
  upstream.killed = 1
  const env = { DIR: dir, URL: upstream.url, START_AT: String(Date.now() + 800) }
  const children = Array.from({ length: 3 }, () => start(fixture('reporters.cjs'), env))
  const answers = (await Promise.all(children.map((child) => child.answered))) as unknown as {
    values: string[]
    fetched: number
  }[]
  t.equal(upstream.count, 2)
  t.strictSame(
    answers.flatMap(({ values }) => values),
    new Array(30).fill('token-2-of-the-upstream'),
  )
  t.equal(
    answers.reduce((sum, { fetched }) => sum + fetched, 0),
    1,
  )
})

t.test('An upstream that returns the same value is asked only as often as the back-off allows', async (t) => {
  const dir = temporaryFolder(t)
  const upstream = await startUpstream({ delay: 20 })
  t.teardown(() => upstream.close())
  upstream.sticky = true
  await startGetter({ DIR: dir, URL: upstream.url }).answered
  const report = { DIR: dir, URL: upstream.url, REFRESH_OPTIONS: JSON.stringify({ rejected: 'token-1-of-the-upstream' }) }
  const answers = await mapConcurrently(new Array(12).fill(report), 6, (env) => startGetter(env).answered)
  t.strictSame([...new Set(answers.map(({ error }) => error))], ['ERR_DOG_REJECTED'])
  // The back-off doubles from 1 s, and at least half of it is certain. 12 processes that start
  // within some seconds cannot make more requests.
  t.ok(upstream.count <= 5, `${upstream.count} requests for 13 processes`)
  const reader = await startGetter({ DIR: dir, URL: upstream.url }).answered
  t.equal(reader.value, 'token-1-of-the-upstream', 'a reader gets the value')
})

t.test('A failure applies to every process: there is one request, and each process gets the same error', async (t) => {
  const dir = temporaryFolder(t)
  const upstream = await startUpstream({ delay: 300 })
  t.teardown(() => upstream.close())
  upstream.failures = 100
  const env = { DIR: dir, URL: upstream.url, START_AT: String(Date.now() + 900) }
  const answers = await Promise.all(Array.from({ length: 8 }, () => startGetter(env).answered))
  t.equal(upstream.count, 1)
  for (const { error, message } of answers) {
    t.equal(error, 'ERR_DOG_FETCH')
    t.match(message, /The fetcher of "TOKEN" failed: .*JSON/)
  }
})
