// Tests the suite itself: it runs on node:test, and it finds stores that break the contract.
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { DogRecord, Lease, Store } from '../../../index.js'
import { storeSuite } from '../../../src/store-suite/index.js'
import { overriding } from '../../support/test-dog.js'

const dotdog: typeof import('../../../index.js') = createRequire(import.meta.url)('../../../dist/index.js')

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

type Break = (store: Store) => Partial<Store>
/** Changes some members of every lease of a store. */
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
  ['repeats fencing tokens', withLease(() => ({ fencingToken: 7 })), /numbers grow/],
  ['lies about a commit', withLease((lease) => ({ commit: async (r) => (await lease.commit(r)) || true })), /after a release/],
  [
    'keeps the lease after a commit',
    (store) => ({ acquire: once((key, timeout) => store.acquire(key, timeout)) }),
    /in the same step/,
  ],
  ['ends waitForChange at once', () => ({ waitForChange: async () => {} }), /until a commit/],
  ['confuses upper and lower case', (store) => ({ read: (key) => store.read(key.toUpperCase()) }), /upper and lower/],
  [
    'lists a key without a record',
    () => ({
      keys: async function* () {
        yield 'LEASED'
      },
    }),
    /keys\(\) lists/,
  ],
  ['loses the ledger', () => ({ readLedger: () => undefined }), /noted last/],
  ['always claims to hold its leases', withLease(() => ({ isHeld: () => true })), /after a release/],
  ['does not extend a lease', withLease(() => ({ extend: async () => {} })), /extended is not overdue/],
  ['names no holder', () => ({ holder: () => undefined }), /holder is named/],
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

/** Runs the tests with matching titles. Gives how many ran, and the titles of those that failed. */
async function failed(store: () => Store, wanted: RegExp): Promise<{ ran: number; failed: string[] }> {
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
  t.test(`The suite finds a store that ${title}`, async (t) => {
    const found = await failed(() => {
      const store = dotdog.memoryStore()
      return overriding(store, change(store))
    }, wanted)
    t.not(found.failed.length, 0)
    const intact = await failed(() => dotdog.memoryStore(), wanted)
    t.same(intact, { ran: found.ran, failed: [] })
  })
}

t.test('The suite runs on node:test', async (t) => {
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
