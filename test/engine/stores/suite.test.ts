// The suite itself: it runs on node:test too, and it finds stores that break the contract.
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { DogRecord, Lease, Store } from '../../../index.js'
import { storeSuite } from '../../../src/store-suite/index.js'
import { altered } from '../../support/test-dog.js'

const dotdog: typeof import('../../../index.js') = createRequire(import.meta.url)('../../../dist/index.js')

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

type Break = (store: Store) => Partial<Store>
/** A store whose leases do one thing differently. */
const withLease =
  (change: (lease: Lease, store: Store, key: string) => Partial<Lease>): Break =>
  (store) => ({
    acquire: async (key, timeout) => {
      const lease = await store.acquire(key, timeout)
      return lease && altered(lease, change(lease, store, key))
    },
  })

const BROKEN: [title: string, change: Break, found: RegExp][] = [
  [
    'forgets unknown fields',
    (store) => ({ read: (key) => known(store.read(key) as DogRecord | undefined) }),
    /nobody knows yet/,
  ],
  ['repeats numbers', withLease(() => ({ fencingToken: 7 })), /numbers grow/],
  ['lies about a commit', withLease((lease) => ({ commit: async (r) => (await lease.commit(r)) || true })), /after a release/],
  [
    'keeps the lease after a commit',
    (store) => ({ acquire: once((key, timeout) => store.acquire(key, timeout)) }),
    /in the same step/,
  ],
  ['settles at once', () => ({ waitForChange: async () => {} }), /until a commit/],
  ['takes one case for the other', (store) => ({ read: (key) => store.read(key.toUpperCase()) }), /upper and lower/],
  [
    'lists what has no record',
    () => ({
      keys: async function* () {
        yield 'TAKEN'
      },
    }),
    /keys\(\) lists/,
  ],
  ['loses the ledger', () => ({ readLedger: () => undefined }), /noted last/],
  ['always holds', withLease(() => ({ isHeld: () => true })), /after a release/],
  ['does not extend', withLease(() => ({ extend: async () => {} })), /extended is not overdue/],
  ['names no holder', () => ({ holder: () => undefined }), /holder is named/],
]

const known = (record: DogRecord | undefined): DogRecord | undefined => {
  if (record === undefined) return undefined
  const { key, value, fetchedAt, expiresAt, ahead, generation } = record
  return { key, value, fetchedAt, expiresAt, ahead, generation }
}

function once(take: Store['acquire']): Store['acquire'] {
  const seen = new Set<string>()
  return async (key, timeout) => (seen.size === seen.add(key).size ? undefined : take(key, timeout))
}

/** Runs the tests whose titles match, and gives the titles of those that failed. */
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
      const made = store()
      return { store: made, open: async () => made, close: () => made.close() }
    },
    supports: { holder: true, watch: true },
  })
  const titles = await Promise.all(runs)
  return { ran: runs.length, failed: titles.filter((title) => title !== undefined) }
}

for (const [title, change, wanted] of BROKEN) {
  t.test(`the suite finds a store that ${title}`, async (t) => {
    const found = await failed(() => {
      const store = dotdog.memoryStore()
      return altered(store, change(store))
    }, wanted)
    t.not(found.failed.length, 0)
    const sound = await failed(() => dotdog.memoryStore(), wanted)
    t.same(sound, { ran: found.ran, failed: [] })
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
