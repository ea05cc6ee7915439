import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createTestDog, dotdog, fileStore } from '../support/test-dog.js'

/**
 * Errors of fetchers whose properties cannot be read. Such an error once broke its own report, so
 * that no failure was recorded and the lock stayed.
 */

const hostile = (name: string) => ({
  get: () => {
    throw new Error(`the getter of ${name}`)
  },
})

const errors: Record<string, () => unknown> = {
  'a message without a prototype': () => Object.assign(new Error(), { message: Object.assign(Object.create(null), { a: 1 }) }),
  'a throwing getter of retryAfter': () => Object.defineProperty({}, 'retryAfter', hostile('retryAfter')),
  'a throwing getter of message': () => Object.defineProperty(new Error(), 'message', hostile('message')),
  'throwing getters everywhere': () =>
    ['name', 'code', 'message', 'stack', 'cause', 'retryAt', 'retryAfter', 'key'].reduce(
      (error, name) => Object.defineProperty(error, name, hostile(name)),
      new Error(),
    ),
  'a proxy that throws': () =>
    new Proxy(new Error(), {
      get: () => {
        throw new Error('the proxy')
      },
    }),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
  'a symbol': () => Symbol('x'),
  'a symbol for a message': () => Object.assign(new Error(), { message: Symbol('x') }),
  'a function': () => () => {},
  'an object without a prototype': () => Object.create(null),
  undefined: () => undefined,
  null: () => null,
  'a bigint': () => 10n,
  'a megabyte': () => new Error('x'.repeat(1_000_000)),
  'a code that is an object': () => Object.assign(new Error('x'), { code: Object.create(null), name: Object.create(null) }),
  'an error whose retryAfter is NaN': () => Object.assign(new Error('x'), { retryAfter: Number.NaN }),
}

for (const [what, make] of Object.entries(errors)) {
  for (const style of ['rejects with', 'throws']) {
    t.test(`When a fetcher ${style} ${what}, the failure is recorded and no lock is left`, async (t) => {
      const dir = temporaryFolder(t)
      const { dog } = createTestDog(t, { store: fileStore({ dir }), timeout: 1 })
      dog.init('K', () => {
        if (style === 'throws') throw make()
        return Promise.reject(make())
      })
      const error = await rejectionOf(dog.get('K'))
      t.ok(error instanceof dotdog.DogError)
      t.match(error, { code: 'ERR_DOG_FETCH', key: 'K', retryAt: Number })
      t.ok(error.message.length <= 1024)
      t.strictSame(
        readdirSync(join(dir, '.lock'), { recursive: true }).filter((name) => String(name).includes('/')),
        [],
      )
      t.match(await dog.status(), [{ key: 'K', failure: { code: 'ERR_DOG_FETCH', count: 1 } }])
    })
  }
}
