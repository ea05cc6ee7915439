import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fixture, start, startGetter } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { startUpstream } from '../support/upstream.js'

t.test('64 cold processes on one key make one fetch, and all get its value', async (t) => {
  const dir = temporaryFolder(t)
  const upstream = await startUpstream({ delay: 200 })
  t.teardown(() => upstream.close())
  const children = Array.from({ length: 64 }, () => startGetter({ DIR: dir, URL: upstream.url }))
  const answers = await Promise.all(children.map((child) => child.answered))
  t.equal(upstream.count, 1)
  t.strictSame([...new Set(answers.map(({ value }) => value))], ['token-1-of-the-upstream'])
  const exits = await Promise.all(children.map((child) => child.exited))
  t.ok(exits.every(({ code }) => code === 0))
  t.strictSame(readdirSync(join(dir, '.lock')), [], 'nothing is left in the lock folder')
  t.strictSame(readdirSync(dir).sort(), ['.lock', '.state', 'TOKEN.dog'])
})

t.test('8 processes on a key that depends on another make one fetch of each', async (t) => {
  const dir = temporaryFolder(t)
  const token = await startUpstream({ delay: 100 })
  const ticket = await startUpstream({ delay: 100 })
  t.teardown(() => Promise.all([token.close(), ticket.close()]))
  const env = { DIR: dir, TOKEN_URL: token.url, TICKET_URL: ticket.url, START_AT: String(Date.now() + 900) }
  const children = Array.from({ length: 8 }, () => start(fixture('dependent-key.cjs'), env))
  const answers = await Promise.all(children.map((child) => child.answered))
  t.equal(token.count, 1)
  t.equal(ticket.count, 1)
  t.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1)
})

for (const script of ['only-get.cjs', 'only-get.mjs']) {
  t.test(`8 scripts that only get and print (${script}) all print the value, and end by themselves`, async (t) => {
    const dir = temporaryFolder(t)
    const upstream = await startUpstream({ delay: 300 })
    t.teardown(() => upstream.close())
    const children = Array.from({ length: 8 }, () => start(fixture(script), { DIR: dir, URL: upstream.url }))
    const exits = await Promise.all(children.map((child) => child.exited))
    for (const { code, out, err } of exits)
      t.strictSame({ code, out, err }, { code: 0, out: 'token-1-of-the-upstream\n', err: '' })
    t.equal(upstream.count, 1)
  })
}
