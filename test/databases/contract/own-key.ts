import t from 'tap'
import { ownKeyTests } from '../../support/own-key-tests.js'
import { type Engine, withDatabase } from '../support/engine.js'

/** A fetcher that touches its own key, in a database. */
export const ownKey = (engine: Engine): Promise<void> =>
  withDatabase(t, engine, (database) => {
    ownKeyTests(t, (t) => {
      const space = database.createSpace(t)
      return () => space.createStore()
    })
  })
