import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog, createTestDog, DogError, fileStore, memoryStore } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

/** Secrets, and strings that may be secrets, in error messages. */

const SECRET = 'SECRET-VALUE-FOUR'

t.test('A value is still redacted after status() of another dog has read 2,500 records', async (t) => {
  const dir = temporaryFolder(t)
  const { dog } = createTestDog(t, { store: fileStore({ dir }) })
  dog.init('K', async () => ({ value: SECRET, expiresIn: 3600 }))
  t.equal(await dog.get('K'), SECRET)
  // A file that has just changed is read again at each call, which would register its value for
  // redaction again.
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

t.test('An error of misuse contains no string argument that could be a secret', async (t) => {
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
    'a value in a list of encryption keys': () => dog.init('K', async () => {}, { encryptionKey: [SECRET] }),
    'a value for the options of a dog': () => createDog(SECRET as never),
  }
  for (const [what, misuse] of Object.entries(misuses)) {
    const error = await rejectionOf(async () => misuse())
    t.equal(error.name, 'TypeError', what)
    t.notMatch(`${error.message} ${error.stack}`, SECRET, what)
  }
})

t.test('The message of a DogError that a fetcher creates itself is redacted like any other', async (t) => {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir })
  dog.init('K', async () => {
    throw new DogError('ERR_DOG_FETCH_RESULT', 'no token from https://host/path?secret=S3CRETS3CRET')
  })
  const error = await dog.get('K').catch((error: Error) => error)
  t.notMatch(String(error), 'S3CRETS3CRET')
  t.notMatch(readFileSync(join(dir, '.state/K.json'), 'utf8'), 'S3CRETS3CRET')
})

t.test('A DogError with another ERR_DOG code that a fetcher creates itself is redacted, too', async (t) => {
  for (const code of ['ERR_DOG_STORE', 'ERR_DOG_CYCLE', 'ERR_DOG_CLOSED'] as const) {
    const dog = createDog({ store: memoryStore() })
    dog.init('K', async () => {
      const made = new DogError(code, 'no token from https://host/path?secret=S3CRETS3CRET', { path: '/tmp/x' })
      throw Object.assign(made, { url: 'https://host/path?secret=S3CRETS3CRET' })
    })
    const error = await dog.get('K').catch((error: Error) => error)
    t.match(error, { code, key: 'K', path: '/tmp/x' })
    t.notMatch(inspect(error, { showHidden: true, depth: 9 }), 'S3CRETS3CRET')
  }
})
