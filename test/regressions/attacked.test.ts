// What an attack on the engine found.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Memory } from '../../src/memory.js'
import { createDog, DogError, entry, folder } from '../api/setup.js'
import { start } from '../children.js'

t.test('a record that was followed before its init is still another account’s', async (t) => {
  const dir = folder(t)
  const theirs = createDog({ dir })
  theirs.init('K', async () => ({ value: 'token-of-A', expiresIn: 7200 }), { identity: 'wxA' })
  await theirs.get('K')
  const mine = createDog({ dir })
  mine.peek('K')
  mine.init('K', async () => ({ value: 'token-of-B', expiresIn: 7200 }), { identity: 'wxB' })
  await t.rejects(mine.get('K'), { code: 'ERR_DOG_IDENTITY' })
})

t.test('no key is no key, also after one was made anew', async (t) => {
  const dog = createDog({ dir: folder(t) })
  const fetcher = async () => ({ value: 'secret-1', expiresIn: 7200 })
  dog.init('K', fetcher)
  await dog.get('K')
  dog.init('K', fetcher, { encryptionKey: '1f'.repeat(32) })
  t.throws(() => dog.peek(undefined as never), TypeError)
})

t.test('a file whose name is too long for a key harms nobody who listens to changes', async (t) => {
  const dir = folder(t)
  const script = join(dir, 'listen.cjs')
  writeFileSync(
    script,
    `const { writeFileSync } = require('node:fs')
    const dog = require(process.env.ENTRY).createDog({ dir: process.env.DIR })
    dog.on('change', ({ key }) => key === 'K' && (console.log('told'), process.exit()))
    dog.init('K', async () => ({ value: 'value', expiresIn: 7200 }))
    dog.get('K').then(() => setTimeout(() => {
      writeFileSync(process.env.DIR + '/' + 'x'.repeat(150) + '.dog', '{}')
      setTimeout(() => dog.refresh('K'), 300)
    }, 500))
    setTimeout(() => process.exit(3), 20000)`,
  )
  const { code, out, err } = await start(script, { DIR: join(dir, '.dog'), ENTRY: entry }).exited
  t.strictSame({ code, out, err }, { code: 0, out: 'told\n', err: '' })
})

t.test('a DogError of the fetcher’s own making is redacted like any error', async (t) => {
  const dir = folder(t)
  const dog = createDog({ dir })
  dog.init('K', async () => {
    throw new DogError('ERR_DOG_FETCH_RESULT', 'no token from https://host/path?secret=S3CRETS3CRET')
  })
  const error = await dog.get('K').catch((error: Error) => error)
  t.notMatch(String(error), 'S3CRETS3CRET')
  t.notMatch(readFileSync(join(dir, '.state/K.json'), 'utf8'), 'S3CRETS3CRET')
})

t.test('where nothing was read, nothing is what was stored then', async (t) => {
  const memory = new Memory()
  memory.adopt({ key: 'K', value: 'v', fetchedAt: 0, expiresAt: 8e15, ahead: 0, generation: 7 })
  t.equal(memory.storedFor(undefined), undefined)
})
