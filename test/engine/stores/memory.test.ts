import { createRequire } from 'node:module'
import t from 'tap'
import { runStoreSuite } from '../../support/run-store-suite.js'
import '../../support/built.js'

const dotdog: typeof import('../../../index.js') = createRequire(import.meta.url)('../../../dist/index.js')

runStoreSuite(t, {
  factory: async () => {
    const store = dotdog.memoryStore()
    return { store, open: async () => store, close: () => store.close() }
  },
  supports: { holder: true, watch: true, deletesLedgers: true },
})
