import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start, temporary } from '../support/children.js'

const script = join(import.meta.dirname, 'fixtures/loads.cjs')

t.test('require, init and a get of a fresh value from the file load none of the heavy packages', async (t) => {
  const DIR = temporary((end) => t.teardown(end))
  const time = { fetchedAt: Date.now(), expiresAt: Date.now() + 7200_000, ahead: 300 }
  writeFileSync(join(DIR, 'KEY.dog'), JSON.stringify({ dotdog: 1, key: 'KEY', value: 'kept', ...time, generation: 1 }))
  const { code, out, err } = await start(script, { DIR }).exited
  t.equal(code, 0, err)
  t.same(JSON.parse(out), { value: 'kept', phases: { require: [], init: [], get: [] } })
})

t.test('a fetch loads proper-lockfile, and nothing loads it before', async (t) => {
  const DIR = temporary((end) => t.teardown(end))
  const { code, out, err } = await start(script, { DIR }).exited
  t.equal(code, 0, err)
  const get = ['proper-lockfile']
  t.same(JSON.parse(out), { value: 'fetched', phases: { require: [], init: [], get } })
})

t.test('of twelve processes that get at the same moment, only the one that fetches loads a heavy package', async (t) => {
  const DIR = temporary((end) => t.teardown(end))
  const env = { DIR, START: String(Date.now() + 1500), MS: '500' }
  const exits = await Promise.all(Array.from({ length: 12 }, () => start(script, env).exited))
  const loaded = exits.map(({ out }) => JSON.parse(out).phases.get.length)
  t.same(loaded.sort(), [...Array(11).fill(0), 1])
})
