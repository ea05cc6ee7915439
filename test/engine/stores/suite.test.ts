// The suite itself: it runs on node:test too, and it fails for stores that break the contract.
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { DogRecord, Lease, Store } from '../../../index.js'
import { storeSuite } from '../../support/run-store-suite.js'
import { overriding } from '../../support/test-dog.js'

const dotdog: typeof import('../../../index.js') = createRequire(import.meta.url)('../../../dist/index.js')

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

/** Members that replace those of a correct store. */
type Breakage = (store: Store) => Partial<Store>
/** Breaks the leases of a store in one member. */
const withLease =
  (change: (lease: Lease, store: Store, key: string) => Partial<Lease>): Breakage =>
  (store) => ({
    acquire: async (key, timeout) => {
      const lease = await store.acquire(key, timeout)
      return lease && overriding(lease, change(lease, store, key))
    },
  })

const BROKEN: [title: string, change: Breakage, failing: RegExp][] = [
  [
    'forgets unknown fields',
    (store) => ({ read: (key) => withoutUnknownFields(store.read(key) as DogRecord | undefined) }),
    /unknown fields/,
  ],
  ['repeats fencing tokens', withLease(() => ({ fencingToken: 7 })), /fencing tokens grow/],
  [
    'reports a commit that did not happen',
    withLease((lease) => ({ commit: async (r) => (await lease.commit(r)) || true })),
    /released lease/,
  ],
  [
    'keeps the lease after a commit',
    (store) => ({ acquire: once((key, timeout) => store.acquire(key, timeout)) }),
    /in the same step/,
  ],
  ['ends every wait at once', () => ({ waitForChange: async () => {} }), /until a commit/],
  ['ignores the case of keys', (store) => ({ read: (key) => store.read(key.toUpperCase()) }), /differ only in case/],
  [
    'lists keys without a record',
    () => ({
      keys: async function* () {
        yield 'LEASED'
      },
    }),
    /keys\(\) lists/,
  ],
  ['loses ledgers', () => ({ readLedger: () => undefined }), /written last/],
  ['reports every lease as held', withLease(() => ({ isHeld: () => true })), /released lease/],
  ['does not extend leases', withLease(() => ({ extend: async () => {} })), /extended lease is not overdue/],
  ['does not name the holder', () => ({ holder: () => undefined }), /names the holder/],
]

const withoutUnknownFields = (record: DogRecord | undefined): DogRecord | undefined => {
  if (record === undefined) return undefined
  const { key, value, fetchedAt, expiresAt, ahead, generation } = record
  return { key, value, fetchedAt, expiresAt, ahead, generation }
}

/** Lets each key be acquired once. */
function once(acquire: Store['acquire']): Store['acquire'] {
  const seen = new Set<string>()
  return async (key, timeout) => (seen.size === seen.add(key).size ? undefined : acquire(key, timeout))
}

/** Runs the tests whose titles match, and returns the titles of those that failed. */
async function runMatching(store: () => Store, wanted: RegExp): Promise<{ ran: number; failed: string[] }> {
  const runs: Promise<string | undefined>[] = []
  storeSuite({
    test: (title, body) => {
      if (!wanted.test(title)) return
      const run = body(undefined)
      runs.push(
        run.then(
          () => undefined,
          () => title,
        ),
      )
    },
    factory: async () => {
      const opened = store()
      return { store: opened, open: async () => opened, close: () => opened.close() }
    },
    supports: { holder: true, watch: true },
  })
  const titles = await Promise.all(runs)
  return { ran: runs.length, failed: titles.filter((title) => title !== undefined) }
}

for (const [title, change, wanted] of BROKEN) {
  t.test(`the suite fails for a store that ${title}`, async (t) => {
    const broken = await runMatching(() => {
      const store = dotdog.memoryStore()
      return overriding(store, change(store))
    }, wanted)
    t.not(broken.failed.length, 0)
    const correct = await runMatching(() => dotdog.memoryStore(), wanted)
    t.same(correct, { ran: broken.ran, failed: [] })
  })
}

t.test('the suite runs on node:test', async (t) => {
  const code = `
    const { test } = require('node:test')
    const { memoryStore } = require('./dist/index.js')
    const { storeSuite } = require('./dist/store-suite/index.js')
    storeSuite({ test, factory: async () => { const store = memoryStore(); return { store, open: async () => store, close: async () => {} } } })
  `
  const { NODE_TEST_CONTEXT, NODE_OPTIONS, TAP, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, ['--test-reporter=tap', '-e', code], { cwd: root, env })
  t.match(stdout, /^# pass [2-9]\d$/m)
  t.match(stdout, /^# fail 0$/m)
})
