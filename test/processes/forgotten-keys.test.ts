// What stays in memory of keys that were used and forgotten: a key for each user must not fill it.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import '../support/built.js'

const MAX_BYTES_PER_KEY = 40

for (const [store, keys] of [
  ['memory', 100_000],
  ['file', 10_000],
  // Each key takes a lease, and finds no record.
  ['failing', 6000],
] as const) {
  t.test(`${keys} keys that were used and forgotten leave no memory behind (${store})`, async (t) => {
    const script = join(import.meta.dirname, 'fixtures/forgets-keys.cjs')
    const env = { ...process.env, KEYS: String(keys), STORE: store }
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script], { env })
    const { before, after } = JSON.parse(stdout) as { before: number; after: number }
    // The heap itself wavers by a few hundred kilobytes. The smallest thing that is kept of a key takes more than this.
    const bytesPerKey = (after - before) / keys
    t.ok(after <= before * 1.05 || bytesPerKey < MAX_BYTES_PER_KEY, `${after} bytes of ${before}, ${bytesPerKey} a key`)
  })
}
