import { createRequire } from 'node:module'
import type { Test } from 'tap'
import type { StoreSuiteOptions } from '../../src/store-suite/index.js'
import './built.js'

/** The built suite, as its users have it: it makes dogs of the built package. */
export const { storeSuite }: typeof import('../../src/store-suite/index.js') = createRequire(import.meta.url)(
  '../../dist/store-suite/index.js',
)

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
