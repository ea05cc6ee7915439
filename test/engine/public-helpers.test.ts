import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { TypedDog } from '../../index.js'
import { dotdog } from '../support/test-dog.js'

const { createDog, DogError, fileStore, isDogError, memoryStore } = dotdog

t.test('isDogError recognises a DogError of this copy and of another copy, and nothing else', async (t) => {
  t.equal(isDogError(new DogError('ERR_DOG_CLOSED', 'closed')), true)
  const ofAnotherCopy = Object.assign(new Error('closed'), { name: 'DogError', code: 'ERR_DOG_CLOSED' })
  t.equal(isDogError(ofAnotherCopy), true)
  const ofAnotherRealm: unknown = runInNewContext("Object.assign(new Error('x'), { name: 'DogError', code: 'ERR_DOG_FETCH' })")
  t.equal(isDogError(ofAnotherRealm), true)
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const others = [
    new Error('ERR_DOG_CLOSED'),
    Object.assign(new Error('x'), { code: 'ERR_DOG_CLOSED' }),
    Object.assign(new Error('x'), { name: 'DogError', code: 'ENOENT' }),
    undefined,
    null,
    'ERR_DOG_CLOSED',
    revoked.proxy,
  ]
  for (const other of others) t.equal(isDogError(other), false)
})

t.test('inspect prints a DogError under its name, although the engine is minified', async (t) => {
  t.match(inspect(new DogError('ERR_DOG_CLOSED', 'closed')), /^DogError: closed\n/)
  t.equal(DogError.name, 'DogError')
})

t.test('on returns the function that unsubscribes', async (t) => {
  const dog = createDog({ store: memoryStore() })
  const generations: unknown[] = []
  const unsubscribe = dog.on('change', ({ generation }) => generations.push(generation))
  await dog.set('K', 'v1', { expiresIn: 60 })
  await dog.set('K', 'v2', { expiresIn: 60 })
  const seen = generations.length
  t.ok(seen > 0)
  unsubscribe()
  unsubscribe()
  await dog.set('K', 'v3', { expiresIn: 60 })
  t.equal(generations.length, seen)
  await dog.close()
})

t.test('Symbol.asyncDispose closes a dog and a store', async (t) => {
  const store = memoryStore()
  const dog = createDog({ store })
  dog.init('K', async () => ({ value: 'v', expiresIn: 60 }))
  await dog[Symbol.asyncDispose]()
  await t.rejects(dog.get('K'), { code: 'ERR_DOG_CLOSED' })
  await store[Symbol.asyncDispose]()
  const files = fileStore({ dir: t.testdir() })
  await files[Symbol.asyncDispose]()
})

t.test('createDog with a map of keys types keys and values: only its keys compile', async (t) => {
  const dog = createDog<{ ACCESS_TOKEN: string; SESSION: { id: number } }>({ store: memoryStore() })
  dog.init('ACCESS_TOKEN', async () => ({ value: 'token', expiresIn: 60 }))
  dog.init('SESSION', async () => ({ value: { id: 7 }, expiresIn: 60 }))
  const token: string = await dog.get('ACCESS_TOKEN')
  const { id }: { id: number } = await dog.get('SESSION')
  t.same([token, id], ['token', 7])
  // Compiled, never called: each line must be a type error, or tsc fails on the directive.
  const wrong = (typed: TypedDog<{ ACCESS_TOKEN: string }>) => {
    // @ts-expect-error: no such key
    typed.get('ACCES_TOKEN')
    // @ts-expect-error: another type of value
    typed.set('ACCESS_TOKEN', 7, { expiresIn: 60 })
    // @ts-expect-error: a fetcher of another type
    typed.init('ACCESS_TOKEN', async () => ({ value: 7, expiresIn: 60 }))
  }
  t.type(wrong, 'function')
  await dog.close()
})
