// Which dogs encrypt a stored plain record, and which must not.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { countingFetcher, createDog, fileStore } from '../support/test-dog.js'
import { pause, until } from '../support/timing.js'

const KEY = '1f'.repeat(32)
const OTHER_KEY = '2e'.repeat(32)

/** Makes a folder with a plain record of account A. Gives the path and the text of its file. */
async function plain(t: Test): Promise<{ dir: string; file: string; text: string }> {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir })
  dog.init('K', async () => ({ value: 'token-of-A', expiresIn: 7200 }), { identity: 'wxA' })
  await dog.get('K')
  const file = join(dir, 'K.dog')
  return { dir, file, text: readFileSync(file, 'utf8') }
}

t.test('A plain record of another account is not encrypted', async (t) => {
  const { dir, file, text } = await plain(t)
  const dog = createDog({ dir, encryptionKey: KEY })
  t.teardown(() => dog.close())
  dog.init('K', countingFetcher(), { identity: 'wxB' })
  t.equal((await rejectionOf(dog.get('K'))).code, 'ERR_DOG_IDENTITY')
  t.equal((await rejectionOf(dog.refresh('K'))).code, 'ERR_DOG_IDENTITY')
  t.equal((await rejectionOf(dog.set('K', 'mine', { expiresIn: 60 }))).code, 'ERR_DOG_IDENTITY')
  t.equal((await rejectionOf(dog.remove('K'))).code, 'ERR_DOG_IDENTITY')
  await dog.status()
  await pause(200)
  t.equal(readFileSync(file, 'utf8'), text)
})

t.test('A process that only reads a plain record does not encrypt it', async (t) => {
  const { dir, file, text } = await plain(t)
  const dog = createDog({ dir, encryptionKey: KEY })
  t.teardown(() => dog.close())
  await dog.status()
  t.equal(await dog.get('K'), 'token-of-A', 'a follower reads it')
  const other = createDog({ dir, encryptionKey: KEY })
  t.teardown(() => other.close())
  other.init('K', countingFetcher(), { followOnly: true })
  t.equal(await other.get('K'), 'token-of-A')
  await pause(200)
  t.equal(readFileSync(file, 'utf8'), text)
})

t.test('A plain record whose lease was taken is encrypted once the lease is free', async (t) => {
  const { dir, file } = await plain(t)
  // A file that has just changed is read again at each call, so the test waits until it has
  // settled.
  await pause(100)
  const lease = (await fileStore({ dir }).acquire('K', 30))!
  const dog = createDog({ dir, encryptionKey: KEY })
  t.teardown(() => dog.close())
  const fetcher = countingFetcher()
  dog.init('K', fetcher, { identity: 'wxA' })
  t.equal(await dog.get('K'), 'token-of-A')
  await pause(100)
  await lease.release()
  await until(async () => (await dog.get('K')) === 'token-of-A' && !readFileSync(file, 'utf8').includes('token-of-A'))
  t.equal(fetcher.calls.count, 0)
})

t.test('status decrypts a record with the key of the dog before any call for it', async (t) => {
  const dir = temporaryFolder(t)
  const owner = createDog({ dir, encryptionKey: KEY })
  owner.init('K', countingFetcher())
  await owner.get('K')
  const stateWith = async (encryptionKey?: string) => {
    const dog = createDog({ dir, encryptionKey })
    const [status] = await dog.status()
    return status?.failure?.code ?? status?.state
  }
  t.equal(await stateWith(KEY), 'fresh')
  t.equal(await stateWith(OTHER_KEY), 'ERR_DOG_DECRYPT')
  t.equal(await stateWith(), 'ERR_DOG_DECRYPT')
})

t.test('set and remove of a record that no key decrypts wait until its lease is free', async (t) => {
  const dir = temporaryFolder(t)
  const owner = createDog({ dir, encryptionKey: KEY })
  const other = createDog({ dir, encryptionKey: OTHER_KEY })
  t.teardown(() => other.close())
  owner.init('K', countingFetcher())
  other.init('K', countingFetcher())
  for (const write of [() => other.set('K', 'set', { expiresIn: 60 }), () => other.remove('K')]) {
    await owner.refresh('K', { force: true }).catch(() => owner.remove('K').then(() => owner.get('K')))
    const lease = (await fileStore({ dir }).acquire('K', 30))!
    let isDone = false
    const written = write().then(() => (isDone = true))
    await pause(150)
    t.equal(isDone, false)
    const { user } = process.cpuUsage()
    await pause(300)
    t.ok(process.cpuUsage().user - user < 200_000, 'it waits without a busy loop')
    await lease.release()
    t.equal(await written, true)
  }
})

t.test('A dog without the encryption key emits change for an encrypted record', async (t) => {
  const dir = join(temporaryFolder(t), '.dog')
  mkdirSync(dir, { mode: 0o700 })
  const owner = createDog({ dir, encryptionKey: KEY })
  owner.init('K', countingFetcher())
  const dog = createDog({ dir })
  t.teardown(() => dog.close())
  const changed = new Promise((resolve) => dog.on('change', resolve))
  const timer = setInterval(() => owner.refresh('K'), 100)
  t.match(await changed, { key: 'K', generation: Number, by: String })
  clearInterval(timer)
})
