import t from 'tap'
import type { FetchContext } from '../../index.js'
import { rejectionOf } from '../support/errors.js'
import { createTestDog } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

/**
 * The refresh of a rejected dependency is a wait for another key. It once was not counted as one:
 * it used up the time-out of the dependant, and was missing in the search for cycles.
 */

const rejected = () => Object.assign(new Error('40001'), { code: 'ERR_DOG_REJECTED' })

t.test(
  'The refresh of a rejected dependency counts against the time-out of the dependency, not of its dependant',
  async (t) => {
    const { dog } = createTestDog(t)
    let tokens = 0
    dog.init(
      'TOKEN',
      async () => {
        if (++tokens > 1) await pause(900)
        return { value: `t${tokens}`, expiresIn: 3600 }
      },
      { timeout: 20 },
    )
    const sign = (token: string) => {
      if (token === 't1') throw rejected()
      return `ticket of ${token}`
    }
    dog.init('TICKET', async (context) => ({ value: await context.use('TOKEN', sign), expiresIn: 3600 }), { timeout: 0.6 })
    t.equal(await dog.get('TOKEN'), 't1')
    t.equal(await dog.get('TICKET'), 'ticket of t2')
    t.equal(tokens, 2)
  },
)

t.test('A cycle that closes in the refresh after a rejection ends in ERR_DOG_CYCLE, not in a time-out', async (t) => {
  const { dog } = createTestDog(t, { timeout: 5 })
  let inner = 0
  dog.init('B', async (context: FetchContext) => {
    if (++inner > 1) await context.get('A')
    return { value: `b${inner}`, expiresIn: 3600 }
  })
  const task = (b: string) => {
    if (b === 'b1') throw rejected()
    return `a of ${b}`
  }
  dog.init('A', async (context) => ({ value: await context.use('B', task), expiresIn: 3600 }))
  t.equal(await dog.get('B'), 'b1')
  t.match(await rejectionOf(dog.get('A')), { code: 'ERR_DOG_CYCLE' })
})
