import t from 'tap'
import { fixture, start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'

t.test('A process loads diagnostics_channel at its first event, and not to start or to read', async (t) => {
  const child = start(fixture('diagnostics.cjs'), { DIR: temporaryFolder(t) })
  const { loaded } = (await child.answered) as unknown as { loaded: boolean[] }
  const [before, afterRead, afterFetch] = loaded
  t.equal(afterRead, before, 'a later Node may have loaded it by itself')
  t.equal(afterFetch, true)
})
