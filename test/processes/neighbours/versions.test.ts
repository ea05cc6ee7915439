// Two versions of the package in one folder. The older one gives an error, fetches nothing, and
// changes nothing.
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

function bothVersions(t: Parameters<typeof temporaryFolder>[0]) {
  const dir = join(temporaryFolder(t), '.dog')
  const [older, newer] = [createDog({ dir }), version2.load().createDog({ dir })] as [Dog, Dog]
  t.teardown(() => Promise.all([older.close(), newer.close()]))
  const file = join(dir, 'K.dog')
  const state = () => `${readFileSync(file, 'utf8')} ${statSync(file).mtimeMs} ${statSync(file).ino}`
  return { dir, older, newer, file, state }
}

t.test(
  'An older version refuses a record of a newer one in every call, makes no fetch, and keeps the file unchanged',
  async (t) => {
    const { older, newer, file, state } = bothVersions(t)
    const [mine, theirs] = [countingFetcher(), countingFetcher()]
    older.init('K', mine)
    newer.init('K', theirs)
    t.equal(await newer.get('K'), 'v1')
    t.match(JSON.parse(readFileSync(file, 'utf8')), { dotdog: 2 })
    const before = state()
    for (const call of [
      () => older.get('K'),
      () => older.refresh('K', { force: true }),
      () => older.refresh('K', { rejected: 'v1' }),
      () => older.use('K', () => {}),
      () => older.set('K', 'mine', { expiresIn: 60 }),
      () => older.remove('K'),
    ]) {
      t.match(await rejectionOf(call()), { code: 'ERR_DOG_STORE', path: file, message: /written by a newer dotdog/ })
    }
    t.equal(older.peek('K'), undefined)
    t.match(await older.status(), [{ key: 'K', state: 'unreadable', failure: { message: /newer/ } }])
    t.equal(mine.calls.count, 0)
    t.equal(state(), before)
    t.equal(await newer.get('K'), 'v1')
    t.equal(theirs.calls.count, 1)
  },
)

t.test('A newer version uses a record of an older one, and the older one keeps serving its valid value', async (t) => {
  const { older, newer } = bothVersions(t)
  const [mine, theirs] = [countingFetcher(), countingFetcher()]
  older.init('K', mine)
  newer.init('K', theirs)
  t.equal(await older.get('K'), 'v1')
  t.equal(await newer.get('K'), 'v1')
  t.equal(theirs.calls.count, 0)
  const warnings: string[] = []
  older.on('warning', ({ message }) => warnings.push(message))
  await newer.set('K', 'of version 2', { expiresIn: 60 })
  await pause(150)
  t.equal(await older.get('K'), 'v1', 'the older version still has a valid value')
  await pause(150)
  t.equal(await older.get('K'), 'v1')
  t.equal(warnings.length, 1, 'it warns once')
  t.match(warnings[0], /newer dotdog/)
  t.equal(mine.calls.count, 1)
})

t.test('A ledger of a newer version keeps an older version from fetching, as it cannot know the back-off', async (t) => {
  const { dir, older, newer } = bothVersions(t)
  const mine = countingFetcher()
  older.init('K', mine)
  newer.init('K', () => Promise.reject(new Error('down')))
  await rejectionOf(newer.get('K'))
  const path = join(dir, '.state/K.json')
  const before = readFileSync(path, 'utf8')
  t.match(JSON.parse(before), { dotdog: 2 })
  t.match(await rejectionOf(older.get('K')), { code: 'ERR_DOG_STORE', path, message: /newer/ })
  t.equal(mine.calls.count, 0)
  t.equal(readFileSync(path, 'utf8'), before)
  // A value in the older format is still served. Its refresh is a warning.
  rmSync(path)
  await storeRecord(fileStore({ dir }), 'K', 'due', -60, 5)
  writeFileSync(path, before)
  const warned = nextEvent(older, 'warning')
  t.equal(await older.get('K'), 'due')
  t.match(await warned, { code: 'ERR_DOG_STORE', message: /newer/ })
  t.equal(mine.calls.count, 0)
})

t.test('Processes of both versions make one fetch under one lock, and then the older ones get an error', async (t) => {
  const { upstream, processes, dir } = await startMachine(t, 2, { delay: 400 })
  const env = { DIR: dir, URL: upstream.url, BUILD: version2.path }
  const newer = [await startControlledProcess(t, env), await startControlledProcess(t, env)]
  const asked = upstream.asked()
  const first = Promise.all(newer.map((process) => process.get()))
  await asked
  const others = await Promise.all(processes.map((process) => rejectionOf(process.get())))
  t.strictSame([...new Set(await first)], ['token-1-of-the-upstream'])
  for (const error of others) t.match(error, { code: 'ERR_DOG_STORE', message: /newer/ })
  t.equal(upstream.count, 1)
})
