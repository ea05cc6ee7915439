import { strict as assert } from 'node:assert'
import {
  acquireFree,
  assertReads,
  commitValue,
  type Define,
  keysIn,
  ledgerOf,
  recordOf,
  resultOrError,
  type StoreSupports,
} from './helpers.js'

const ODD_KEYS = [
  '../X',
  'a/b',
  'a\\b',
  '.',
  '..',
  'CON',
  'nul.txt',
  ' ',
  '中文',
  '中'.repeat(120),
  'k'.repeat(120),
  '%41',
  '~',
  '🔑',
]

const VALUES: [title: string, value: unknown][] = [
  ['text', 'a token'],
  ['nothing in quotes', ''],
  ['a line break, a quote and a character beyond 16 bits', 'a\n"b"\u2028🔑'],
  ['a number', 7200],
  ['zero', 0],
  ['false', false],
  ['null', null],
  ['a list', [1, [2, 'drei'], null]],
  ['an object', { access_token: 'x', nested: { list: [1, 2], no: null } }],
]

/** A store whose values are fetched elsewhere also lists what is there without a value. */
const isOurs = (key: string): boolean => key !== 'FETCHED'

/** What is stored is what is read: values, keys, unknown fields, ledgers. */
export function recordTests(define: Define, supports: StoreSupports): void {
  define('a store with nothing in it has no record, no ledger and no keys', async (store, other) => {
    for (const by of [store, other]) {
      assert.equal(await by.read('K'), undefined)
      assert.equal(await by.readLedger('K'), undefined)
      assert.equal(typeof by.name, 'string')
    }
    assert.deepEqual(await keysIn(store), [])
  })

  define('what is committed under a lease is read by another process', async (store, other) => {
    const lease = await acquireFree(store)
    await lease.writeLedger(ledgerOf(lease.fencingToken))
    const record = recordOf('K', lease.fencingToken)
    assert.equal(await lease.commit(record), true)
    await assertReads(other, 'K', record, supports)
    assert.deepEqual(await store.read('K'), record)
  })

  define('another value takes the place of the last one', async (store, other) => {
    for (const value of ['one', 'two, which is longer', '3'])
      await assertReads(other, 'K', await commitValue(store, 'K', value), supports)
    if (supports.leases !== false) await assertReads(store, 'K', await commitValue(other, 'K', 'by the other'), supports)
  })

  define('a value that was removed is gone', async (store, other) => {
    await assertReads(other, 'K', await commitValue(store, 'K', 1), supports)
    await (await acquireFree(store)).commit(undefined)
    await assertReads(other, 'K', undefined, supports)
  })

  define('fields that nobody knows yet are preserved, in records and ledgers', async (store, other) => {
    const lease = await acquireFree(store)
    const ledger = { ...ledgerOf(lease.fencingToken), later: { version: 2 } }
    await lease.writeLedger(ledger)
    const record = { ...recordOf('K', lease.fencingToken), identity: 'wx1', by: 'host:1', later: [1, { two: 2 }] }
    await lease.commit(record)
    const reader = supports.leases === false ? store : other
    assert.deepEqual(await reader.read('K'), record)
    assert.deepEqual(await reader.readLedger('K'), ledger)
  })

  for (const [title, value] of VALUES) {
    define(`a value may be ${title}`, async (store, other) => {
      await assertReads(other, 'K', await commitValue(store, 'K', value), supports)
    })
  }

  define('any name is a key, and none is taken for another', async (store, other) => {
    for (const key of ODD_KEYS) await commitValue(store, key, `value of ${key}`)
    for (const key of ODD_KEYS) assert.equal((await other.read(key))?.value, `value of ${key}`, key)
    assert.deepEqual((await keysIn(other)).filter(isOurs), [...ODD_KEYS].sort())
  })

  define('upper and lower case are two keys, or refused; never one for the other', async (store, other) => {
    await commitValue(store, 'A', 'upper')
    const found = await resultOrError(() => other.read('a'))
    if (found instanceof Error) return assert.equal((found as Error & { code?: string }).code, 'ERR_DOG_STORE')
    assert.equal(found, undefined)
    await commitValue(store, 'a', 'lower')
    assert.equal((await other.read('A'))?.value, 'upper')
    assert.equal((await other.read('a'))?.value, 'lower')
  })

  define('keys() lists what has a record, and nothing else', async (store, other) => {
    await commitValue(store, 'ONE', 1)
    await commitValue(store, 'TWO', 2)
    await (await acquireFree(store, 'TAKEN')).release()
    const noted = await acquireFree(store, 'NOTED')
    await noted.writeLedger(ledgerOf(noted.fencingToken))
    assert.deepEqual((await keysIn(other)).filter(isOurs), ['ONE', 'TWO'])
    await noted.release()
    await (await acquireFree(store, 'ONE')).commit(undefined)
    assert.deepEqual((await keysIn(other)).filter(isOurs), ['TWO'])
  })
}
