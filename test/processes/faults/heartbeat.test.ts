// The heartbeat of a holder, which fake timers of users do not stop. After a beat that fails the
// next one follows.
import t from 'tap'
import { acquireLock } from '../../../src/core/stores/file/heartbeat.js'
import type { FileLock } from '../../../src/core/stores/file/lock.js'

for (const [what, code, more] of [
  ['a fault that passes', 'EIO', true],
  ['the loss of the lock', 'ENOENT', false],
] as const) {
  t.test(`After ${what} a holder sends ${more ? 'further' : 'no further'} heartbeats`, async (t) => {
    let beats = 0
    const lock = {
      acquire: () => true,
      isHeld: () => true,
      release: () => {},
      heartbeat: () => {
        beats++
        // The first heartbeat belongs to the acquire itself.
        if (beats === 2) throw Object.assign(new Error('injected'), { code })
      },
    }
    // The timers of proper-lockfile stand still from here on.
    const { setTimeout: real } = globalThis
    const still = { ref: () => {}, unref: () => {} }
    globalThis.setTimeout = (() => still) as unknown as typeof setTimeout
    t.teardown(() => {
      globalThis.setTimeout = real
    })
    const letGo = await acquireLock(lock as unknown as FileLock, 0, () => {})
    const until = performance.now() + (more ? 30_000 : 5000)
    while (beats < 3 && performance.now() < until) await new Promise((resolve) => real(resolve, 50))
    globalThis.setTimeout = real
    t.equal(beats, more ? 3 : 2)
    await letGo?.()
  })
}
