// The store contract as a suite for any test runner: a store that passes it can carry the engine. Two views of one store
// stand for two processes. Knows stores by their contract only.
import { capabilityTests } from './capabilities.js'
import { fetchesElsewhereTests } from './fetches-elsewhere.js'
import type { StoreFixture, StoreSupports } from './helpers.js'
import { leaseTests } from './leases.js'
import { recordTests } from './records.js'
import { waitingTests } from './waiting.js'

export type { StoreFixture, StoreSupports } from './helpers.js'

export interface StoreSuiteOptions {
  /** A runner's test function: node:test's `test`, or tap's `t.test`. */
  test: (title: string, body: (context: unknown) => Promise<void>) => unknown
  factory: () => Promise<StoreFixture>
  supports?: StoreSupports
}

/**
 * Defines the tests of one store.
 *
 * @example
 * import test from 'node:test'
 * storeSuite({ test, factory: async () => ({ store, open: async () => anotherOne, close: () => drop() }) })
 */
export function storeSuite({ test, factory, supports = {} }: StoreSuiteOptions): void {
  const define: Parameters<typeof recordTests>[0] = (title, body) =>
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
  }
  capabilityTests(define, supports)
}
