import t from 'tap'
import { rejectionOf } from '../../support/errors.js'
import { createDog } from '../../support/test-dog.js'
import { type Engine, withDatabase } from '../support/engine.js'

/** What an upstream said of a failed fetch, in a database. */
export const details = (engine: Engine): Promise<void> =>
  withDatabase(t, engine, (database) => {
    t.test('A process that did not fetch gets the details of a failure', async (t) => {
      const space = database.createSpace(t)
      const said = { errcode: 40164, ip: '203.0.113.9', hintZh: '加入白名单', quotes: `"'\\`, deep: [{ a: null }] }
      let fetches = 0
      const dogs = [0, 1].map(() => {
        const dog = createDog({ store: space.createStore() })
        t.teardown(() => dog.close())
        dog.init('K', () => {
          fetches++
          throw Object.assign(new Error('refused'), { retryAfter: 60, details: said })
        })
        return dog
      })
      for (const dog of dogs) t.strictSame((await rejectionOf(dog.get('K'))).details, said)
      t.equal(fetches, 1)
      t.match(await dogs[1]!.status(), [{ key: 'K', failure: { details: said } }])
    })
  })
