// The entry point of dotdog/store-suite: the contract of a store as tests for any test runner. A
// store that passes them can be used by dotdog. Two views of one store stand for two processes. The
// suite knows stores by their contract only.
import { capabilityTests } from './capabilities.js'
import { deletedLedgerTests } from './deleted-ledgers.js'
import { fetchesElsewhereTests } from './fetches-elsewhere.js'
import type { Define, StoreFixture, StoreSupports } from './helpers.js'
import { leaseTests } from './leases.js'
import { recordTests } from './records.js'
import { removalTests } from './removals.js'
import { waitingTests } from './waiting.js'

export type { StoreFixture, StoreSupports } from './helpers.js'

export interface StoreSuiteOptions {
  /** The test function of a runner: `test` of node:test, or `t.test` of tap. */
  test: (title: string, body: (context: unknown) => Promise<void>) => unknown
  /** Makes an empty store for each test. */
  factory: () => Promise<StoreFixture>
  /** What the store can do beside what every store must. Default: nothing. */
  supports?: StoreSupports
}

/**
 * Defines the tests of one store.
 *
 * @example
 * import test from 'node:test'
 * import { storeSuite } from 'dotdog/store-suite'
 *
 * storeSuite({
 *   test,
 *   factory: async () => {
 *     const folder = await mkdtemp(prefix)
 *     return {
 *       store: myStore(folder),
 *       open: async () => myStore(folder),
 *       close: () => rm(folder, { recursive: true }),
 *     }
 *   },
 *   supports: { holder: true, watch: true, persistent: true },
 * })
 */
export function storeSuite({ test, factory, supports = {} }: StoreSuiteOptions): void {
  const define: Define = (title, body) =>
    void test(title, async () => {
      const fixture = await factory()
      try {
        await body(fixture.store, await fixture.open(), fixture)
      } finally {
        await fixture.close()
      }
    })
  recordTests(define, supports)
  if (supports.leases === false) fetchesElsewhereTests(define)
  else {
    leaseTests(define)
    waitingTests(define)
    removalTests(define)
    if (supports.deletesLedgers) deletedLedgerTests(define)
  }
  capabilityTests(define, supports)
}
