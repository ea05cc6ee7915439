import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runStoreSuite } from '../../support/run-store-suite.js'
import '../../support/built.js'

const dotdog: typeof import('../../../index.js') = createRequire(import.meta.url)('../../../dist/index.js')

runStoreSuite(t, {
  factory: async () => {
    const dir = mkdtempSync(join(tmpdir(), 'dotdog-suite-'))
    const opened = [dotdog.fileStore({ dir })]
    return {
      store: opened[0]!,
      open: async () => {
        const store = dotdog.fileStore({ dir })
        opened.push(store)
        return store
      },
      close: async () => {
        await Promise.all(opened.map((store) => store.close()))
        rmSync(dir, { recursive: true })
      },
    }
  },
  supports: { holder: true, watch: true, persistent: true, deletesLedgers: true },
})
