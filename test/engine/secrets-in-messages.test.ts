import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog, createTestDog, fileStore } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

/** Ways in which a secret, or what might be one, came into a message; and a failure that was none. */

const SECRET = 'SECRET-VALUE-FOUR'

t.test("a value is masked also after another dog's status() went over 2,500 records", async (t) => {
  const dir = temporaryFolder(t)
  const { dog } = createTestDog(t, { store: fileStore({ dir }) })
  dog.init('K', async () => ({ value: SECRET, expiresIn: 3600 }))
  t.equal(await dog.get('K'), SECRET)
  // A file that has just changed is read anew each time, which learns its value anew.
  await pause(150)
  t.equal(await dog.get('K'), SECRET)
  for (let i = 0; i < 2500; i++) {
    const times = { fetchedAt: 1, expiresAt: 2, ahead: 0, generation: 1 }
    writeFileSync(join(dir, `X${i}.dog`), JSON.stringify({ dotdog: 1, key: `X${i}`, value: `another-secret-${i}`, ...times }))
  }
  const other = createDog({ dir })
  t.teardown(() => other.close())
  t.equal((await other.status()).length, 2501)
  dog.init('K', async () => {
    throw new Error(`the upstream says: ${SECRET} is bad`)
  })
  const { message } = await rejectionOf(dog.refresh('K', { force: true }))
  t.match(message, /the upstream says: \*\*\* is bad/)
})

t.test('a message of misuse shows no string that could be a secret', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('K', async () => ({ value: 'v', expiresIn: 3600 }))
  const misuses: Record<string, () => unknown> = {
    'a value for a fetcher': () => dog.init('K', SECRET as never),
    'a value for options': () => dog.get('K', SECRET as never),
    'a value for refresh options': () => dog.refresh('K', SECRET as never),
    'a value for a lifetime': () => dog.set('K', 'v', SECRET as never),
    'a value for seconds': () => dog.set('K', 'v', { expiresIn: SECRET }),
    'a value for a date': () => dog.set('K', 'v', { expiresAt: SECRET }),
    'a value for a key': () => dog.get(`${SECRET}${'x'.repeat(120)}`),
    'a value for a task': () => dog.use('K', SECRET as never),
    'a value for a listener': () => dog.on('change', SECRET as never),
    'a value for an option of init': () => dog.init('K', async () => {}, { encryptionKey: SECRET }),
    'a list of it': () => dog.init('K', async () => {}, { encryptionKey: [SECRET] }),
    'a value for the options of a dog': () => createDog(SECRET as never),
  }
  for (const [what, misuse] of Object.entries(misuses)) {
    const error = await rejectionOf(async () => misuse())
    t.equal(error.name, 'TypeError', what)
    t.notMatch(`${error.message} ${error.stack}`, SECRET, what)
  }
})

t.test("an abort by the user's own controller is no failure of the upstream", async (t) => {
  const { dog } = createTestDog(t)
  let fetches = 0
  dog.init('K', async () => {
    if (++fetches > 1) return { value: 'v', expiresIn: 3600 }
    const own = new AbortController()
    own.abort()
    throw own.signal.reason
  })
  const error = await rejectionOf(dog.get('K'))
  t.equal(error.code, 'ERR_DOG_FETCH')
  t.equal(error.retryAt, undefined)
  t.equal((await dog.status())[0]?.failure, undefined)
  t.equal(await dog.get('K'), 'v', 'the next caller may try at once')
})
