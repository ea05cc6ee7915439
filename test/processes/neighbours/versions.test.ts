// Two versions of the package in one folder: the older one says so, fetches nothing, and touches nothing.
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Dog } from '../../../index.js'
import { startControlledProcess, startMachine } from '../../support/controlled-process.js'
import { rejectionOf } from '../../support/errors.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { countingFetcher, createDog, fileStore, nextEvent, storeRecord } from '../../support/test-dog.js'
import { pause } from '../../support/timing.js'
import { buildNextVersion } from './builds.js'

const base = temporaryFolder(t)
const version2 = await buildNextVersion(base)

function pair(t: Parameters<typeof temporaryFolder>[0]) {
  const dir = join(temporaryFolder(t), '.dog')
  const [old, young] = [createDog({ dir }), version2.load().createDog({ dir })] as [Dog, Dog]
  t.teardown(() => Promise.all([old.close(), young.close()]))
  const file = join(dir, 'K.dog')
  const state = () => `${readFileSync(file, 'utf8')} ${statSync(file).mtimeMs} ${statSync(file).ino}`
  return { dir, old, young, file, state }
}

t.test('an older version refuses what a newer one wrote: every call, no fetch, the file untouched', async (t) => {
  const { old, young, file, state } = pair(t)
  const [mine, theirs] = [countingFetcher(), countingFetcher()]
  old.init('K', mine)
  young.init('K', theirs)
  t.equal(await young.get('K'), 'v1')
  t.match(JSON.parse(readFileSync(file, 'utf8')), { dotdog: 2 })
  const before = state()
  for (const call of [
    () => old.get('K'),
    () => old.refresh('K', { force: true }),
    () => old.refresh('K', { rejected: 'v1' }),
    () => old.use('K', () => {}),
    () => old.set('K', 'mine', { expiresIn: 60 }),
    () => old.remove('K'),
  ]) {
    t.match(await rejectionOf(call()), { code: 'ERR_DOG_STORE', path: file, message: /written by a newer dotdog/ })
  }
  t.equal(old.peek('K'), undefined)
  t.match(await old.status(), [{ key: 'K', state: 'unreadable', failure: { message: /newer/ } }])
  t.equal(mine.calls.count, 0)
  t.equal(state(), before)
  t.equal(await young.get('K'), 'v1')
  t.equal(theirs.calls.count, 1)
})

t.test('a newer version uses what an older one wrote, and the older one goes on with the value that it has', async (t) => {
  const { old, young } = pair(t)
  const [mine, theirs] = [countingFetcher(), countingFetcher()]
  old.init('K', mine)
  young.init('K', theirs)
  t.equal(await old.get('K'), 'v1')
  t.equal(await young.get('K'), 'v1')
  t.equal(theirs.calls.count, 0)
  const warnings: string[] = []
  old.on('warning', ({ message }) => warnings.push(message))
  await young.set('K', 'of version 2', { expiresIn: 60 })
  await pause(150)
  t.equal(await old.get('K'), 'v1', 'valid by all that it knows')
  await pause(150)
  t.equal(await old.get('K'), 'v1')
  t.equal(warnings.length, 1, 'and it says so, once')
  t.match(warnings[0], /newer dotdog/)
  t.equal(mine.calls.count, 1)
})

t.test('a newer ledger keeps an older version from fetching: it cannot know the back-off', async (t) => {
  const { dir, old, young } = pair(t)
  const mine = countingFetcher()
  old.init('K', mine)
  young.init('K', () => Promise.reject(new Error('down')))
  await rejectionOf(young.get('K'))
  const path = join(dir, '.state/K.json')
  const before = readFileSync(path, 'utf8')
  t.match(JSON.parse(before), { dotdog: 2 })
  t.match(await rejectionOf(old.get('K')), { code: 'ERR_DOG_STORE', path, message: /newer/ })
  t.equal(mine.calls.count, 0)
  t.equal(readFileSync(path, 'utf8'), before)
  // A value of the older format goes on being served; its refresh is a warning.
  rmSync(path)
  await storeRecord(fileStore({ dir }), 'K', 'due', -60, 5)
  writeFileSync(path, before)
  const warned = nextEvent(old, 'warning')
  t.equal(await old.get('K'), 'due')
  t.match(await warned, { code: 'ERR_DOG_STORE', message: /newer/ })
  t.equal(mine.calls.count, 0)
})

t.test(
  'processes of both versions that ask for nothing yet: one fetch under the one lock, then an error in the older ones',
  async (t) => {
    const { upstream, processes, dir } = await startMachine(t, 2, { delay: 400 })
    const env = { DIR: dir, URL: upstream.url, BUILD: version2.path }
    const young = [await startControlledProcess(t, env), await startControlledProcess(t, env)]
    const asked = upstream.asked()
    const first = Promise.all(young.map((process) => process.get()))
    await asked
    const others = await Promise.all(processes.map((process) => rejectionOf(process.get())))
    t.strictSame([...new Set(await first)], ['token-1-of-the-upstream'])
    for (const error of others) t.match(error, { code: 'ERR_DOG_STORE', message: /newer/ })
    t.equal(upstream.count, 1)
  },
)
