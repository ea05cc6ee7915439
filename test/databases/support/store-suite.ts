import type { Test } from 'tap'
import type { Store } from '../../../index.js'
import { runStoreSuite } from '../../support/run-store-suite.js'

/** An empty part of a database, for one test of the store suite. */
export interface SuitePart {
  open(): Store
  /** Ends what the stores use and do not close themselves. They are closed before. */
  end?(): void | Promise<void>
}

/** Runs the store suite on stores of a database. */
export function runSuite(t: Test, createPart: () => SuitePart): void {
  runStoreSuite(t, {
    factory: async () => {
      const { open, end } = createPart()
      const stores: Store[] = []
      const openStore = () => {
        stores.push(open())
        return stores.at(-1)!
      }
      return {
        store: openStore(),
        open: async () => openStore(),
        close: async () => {
          await Promise.all(stores.map((store) => store.close()))
          await end?.()
        },
      }
    },
    supports: { holder: true, watch: true, persistent: true, deletesLedgers: true },
  })
}
