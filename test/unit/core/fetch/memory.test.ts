import t from 'tap'
import { Memory } from '../../../../src/core/fetch/memory.js'

t.test('A Memory that has read nothing has no stored version for an undefined record', async (t) => {
  const memory = new Memory()
  memory.adopt({ key: 'K', value: 'v', fetchedAt: 0, expiresAt: 8e15, ahead: 0, generation: 7 })
  t.equal(memory.storedVersionOf(undefined), undefined)
})
