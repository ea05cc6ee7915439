// The holder's own sign of life, which users' fake timers do not hold up: one that fails is not the last.
import t from 'tap'
import { acquireLock } from '../../../src/core/stores/file/heartbeat.js'
import type { FileLock } from '../../../src/core/stores/file/lock.js'

for (const [what, code, more] of [
  ['a fault that passes', 'EIO', true],
  ['the loss of the lock', 'ENOENT', false],
] as const) {
  t.test(`after ${what} a holder gives ${more ? 'further' : 'no further'} signs of life`, async (t) => {
    let beats = 0
    const lock = {
      acquire: () => true,
      isHeld: () => true,
      release: () => {},
      heartbeat: () => {
        beats++
        // The first is the take's own.
        if (beats === 2) throw Object.assign(new Error('injected'), { code })
      },
    }
    // proper-lockfile's timers stand still from here on.
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
