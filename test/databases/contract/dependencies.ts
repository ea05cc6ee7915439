import t from 'tap'
import { dependencyTests } from '../../support/dependency-tests.js'
import { type Engine, withDatabase } from '../support/engine.js'

/** A key whose fetcher needs another key, in a database. */
export const dependencies = (engine: Engine): Promise<void> =>
  withDatabase(t, engine, (database) => {
    dependencyTests(t, (t) => {
      const space = database.createSpace(t)
      return () => space.createStore()
    })
  })
