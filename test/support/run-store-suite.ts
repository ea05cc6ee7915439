// Runs the store suite on tap, which counts only assertions of its own.
import type { Test } from 'tap'
import { type StoreSuiteOptions, storeSuite } from '../../src/store-suite/index.js'

export function run(t: Test, options: Omit<StoreSuiteOptions, 'test'>): void {
  storeSuite({
    test: (title, body) =>
      t.test(title, async (t) => {
        await body(t)
        t.pass('holds')
      }),
    ...options,
  })
}
