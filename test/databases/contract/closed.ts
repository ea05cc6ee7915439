import t from 'tap'
import { closeInUse } from '../../support/close-in-use.js'
import { type Engine, withDatabase } from '../support/engine.js'
import { until } from '../support/workers.js'

/** What a store leaves behind after its close. */
export const closed = (engine: Engine): Promise<void> =>
  withDatabase(t, engine, (database) => {
    t.test('A closed store opens no connection again, even if reads, waits and a watch were under way', async (t) => {
      const space = database.createSpace(t)
      const [holder, closing] = [space.createStore(), space.createStore({ label: 'closing' })]
      const connections = () => space.countConnections('closing')
      await closeInUse(t, holder, closing, async () => void t.ok((await connections()) > 0, 'it has some while it is open'))
      t.equal(await connections(), 0)
      await holder.close()
      await until(async () => (await space.countConnections()) === 0, { what: 'the server knows of the closed connections' })
    })
  })
