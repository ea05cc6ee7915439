import type { Test } from 'tap'
import { type StoreSuiteOptions, storeSuite } from '../../src/store-suite/index.js'

/** Runs the store suite on tap. Each test adds one assertion, as tap counts only its own. */
export function runStoreSuite(t: Test, options: Omit<StoreSuiteOptions, 'test'>): void {
  storeSuite({
    test: (title, body) =>
      t.test(title, async (t) => {
        await body(t)
        t.pass('holds')
      }),
    ...options,
  })
}
