// A folder in which every call takes long, such as one on a slow network.
import t from 'tap'
import { FolderWatcher } from '../../../src/core/stores/file/folder-watcher.js'
import { waitForChange } from '../../../src/core/stores/file/waiter.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { pause } from '../../support/timing.js'

const CHECK_MS = 30

t.test('A waiter rests for a multiple of the time that its checks take', async (t) => {
  const watcher = new FolderWatcher(temporaryFolder(t), () => {})
  t.teardown(() => watcher.close())
  const aborter = new AbortController()
  let checkingMs = 0
  const begun = performance.now()
  const check = () => {
    const since = performance.now()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, CHECK_MS)
    checkingMs += performance.now() - since
    return true
  }
  const waited = waitForChange({
    watcher,
    signal: aborter.signal,
    isChanged: async () => !check(),
    hasHolder: () => true,
    ownerName: () => 'owner',
    isStillHeld: () => true,
  })
  await pause(2000)
  aborter.abort()
  await waited
  const share = checkingMs / (performance.now() - begun)
  t.ok(checkingMs >= CHECK_MS)
  t.ok(share < 0.25, `it checks for ${Math.round(share * 100)} % of the time`)
})
