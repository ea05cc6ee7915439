import t from 'tap'
import type { Store } from '../../index.js'
import { createDog, memoryStore, pause } from '../api/setup.js'

/** What was waited for was a change from the value that only memory has: the store never had it, so it was always "changed". */
t.test('who holds a value that the store did not take waits for another process without spinning', async (t) => {
  const inner = memoryStore()
  let fails = true
  const failing = new Proxy(inner, {
    get: (target, name) => {
      const member = Reflect.get(target, name, target)
      if (name !== 'take') return typeof member === 'function' ? member.bind(target) : member
      return async (key: string, timeout: number) => {
        const lease = await target.take(key, timeout)
        if (lease === undefined || !fails) return lease
        lease.commit = async () => {
          throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
        }
        return lease
      }
    },
  }) as Store
  const mine = createDog({ store: failing })
  const theirs = createDog({ store: inner })
  t.teardown(() => Promise.all([mine.close(), theirs.close()]))
  mine.init('K', async () => ({ value: 'not stored', expiresIn: 3600 }))
  let asked = () => {}
  const isAsked = new Promise<void>((resolve) => (asked = resolve))
  theirs.init('K', async () => {
    asked()
    await pause(200)
    return { value: 'theirs', expiresIn: 3600 }
  })
  t.equal(await mine.get('K'), 'not stored')
  const refreshed = theirs.refresh('K')
  await isAsked
  fails = false
  let turns = 0
  const timer = setInterval(() => turns++, 10)
  t.equal(await mine.refresh('K', { stale: 'not stored' }), 'theirs')
  clearInterval(timer)
  t.equal(await refreshed, 'theirs')
  t.ok(turns > 1, 'the event loop went on meanwhile')
})
