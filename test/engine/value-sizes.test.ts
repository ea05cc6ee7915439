import { statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createTestDog, fileStore } from '../support/test-dog.js'

/**
 * The size of a value is its size in bytes. It once was counted in characters, and a value of many
 * three-byte characters made a record that could not be read again.
 */

for (const [what, value] of [
  ['characters of three bytes', '中'.repeat(250_000)],
  ['characters that JSON writes as six', '\u0000'.repeat(120_000)],
  ['plain characters', 'x'.repeat(700_001)],
] as const) {
  t.test(`A value over 700,000 bytes of ${what} is refused, and the key stays usable`, async (t) => {
    const dir = temporaryFolder(t)
    const { dog } = createTestDog(t, { store: fileStore({ dir }) })
    await dog.set('K', 'good', { expiresIn: 3600 })
    let isLarge = true
    dog.init('K', async () => ({ value: isLarge ? value : 'small', expiresIn: 3600 }))
    t.match(await rejectionOf(dog.refresh('K')), { code: 'ERR_DOG_FETCH_RESULT' })
    t.equal((await rejectionOf(dog.set('K', value, { expiresIn: 9 }))).name, 'TypeError')
    t.ok(statSync(join(dir, 'K.dog')).size < 1000, 'the record is unchanged')
    t.equal(await dog.get('K'), 'good')
    isLarge = false
    t.equal(await dog.refresh('K', { force: true }), 'small')
    await dog.set('K', 'set', { expiresIn: 9 })
    t.equal(await dog.remove('K'), true)
  })
}

t.test('A value of 700,000 bytes is stored, plain and encrypted, and other dogs read it', async (t) => {
  const dir = temporaryFolder(t)
  for (const encryptionKey of [undefined, 'ab'.repeat(32)]) {
    const { dog, another } = createTestDog(t, { store: fileStore({ dir }), encryptionKey })
    const value = '中'.repeat(233_332)
    await dog.set(encryptionKey ? 'SEALED' : 'PLAIN', value, { expiresIn: 3600 })
    t.equal(await another().get(encryptionKey ? 'SEALED' : 'PLAIN'), value)
  }
})
