import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import type { DogError } from '../../index.js'
import { DIST_ENTRY } from '../support/children.js'
import { createTestDog } from '../support/test-dog.js'
import { deferred, pause } from '../support/timing.js'

t.test('get calls a callback with the value after it has returned undefined', async (t) => {
  const { dog } = createTestDog(t)
  const secret = dog.init('K', (handler) => handler('v', 60))
  for (const get of [
    (callback: (value?: string) => void) => dog.get('K', callback),
    (callback: (value?: string) => void) => secret.get(callback),
  ]) {
    const called = deferred<unknown[]>()
    let isLater = false
    t.equal(
      get((...args) => {
        t.ok(isLater)
        called.resolve(args)
      }),
      undefined,
    )
    isLater = true
    t.same(await called.promise, ['v'])
  }
})

t.test(
  'A failure does not call a callback with one parameter; it becomes a warning of the dog and of the process',
  async (t) => {
    const { dog, warnings } = createTestDog(t)
    dog.init('K', () => Promise.reject(new Error('down')))
    const warned = deferred<Error & { code?: string }>()
    process.once('warning', warned.resolve)
    const callbacks = [(_value?: string) => t.fail('called'), () => t.fail('called'), (..._all: unknown[]) => t.fail('called')]
    dog.get('K', callbacks[0] as never)
    t.match(await warned.promise, { name: 'DotdogWarning', code: 'ERR_DOG_FETCH', message: /"K" failed: down/ })
    t.match(warnings, [{ key: 'K', code: 'ERR_DOG_FETCH', message: /down/ }])
    for (const callback of callbacks.slice(1)) dog.get('K', callback as never)
    await pause(20)
    t.equal(warnings.length, 3)
  },
)

t.test('A callback with two parameters gets undefined and the error', async (t) => {
  const { dog, warnings } = createTestDog(t)
  dog.init('K', () => Promise.reject(new Error('down')))
  const called = deferred<unknown[]>()
  dog.get('K', (value?: string, error?: DogError) => called.resolve([value, error]))
  const [value, error] = await called.promise
  t.equal(value, undefined)
  t.match(error, { code: 'ERR_DOG_FETCH', message: /down/ })
  t.same(warnings, [])
})

t.test('An exception in a callback or a listener is an uncaughtException, never an unhandledRejection', async (t) => {
  const code = `
    const { createDog, memoryStore } = require(${JSON.stringify(DIST_ENTRY)})
    const dog = createDog({ store: memoryStore() })
    process.on('uncaughtException', (error) => console.log('exception', error.message))
    process.on('unhandledRejection', (error) => console.log('rejection', error.message))
    dog.init('K', (handler) => handler('v', 60))
    dog.init('BAD', () => { throw new Error('down') })
    dog.on('refresh', () => { throw new Error('of a listener') })
    dog.get('K', (value) => {
      setTimeout(() => {
        dog.get('K', (value) => { throw new Error('of one') })
        dog.get('BAD', (value, error) => { throw new Error('of two') })
      })
    })
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', code])
  t.same(stdout.trim().split('\n').sort(), ['exception of a listener', 'exception of one', 'exception of two'])
})

t.test('A loader may call get with a callback, as dependent keys of guard_dog do', async (t) => {
  const { dog } = createTestDog(t)
  dog.init('TOKEN', (handler) => void setTimeout(handler, 10, 'token', 60))
  dog.init('TICKET', (handler) => {
    dog.get<string>('TOKEN', (token) => handler(`ticket of ${token}`, 60, 2))
  })
  t.equal(await dog.get('TICKET'), 'ticket of token')
})
