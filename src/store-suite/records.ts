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
  ['a text', 'a token'],
  ['an empty text', ''],
  ['a text with a line break, a quote and a character beyond 16 bits', 'a\n"b"\u2028🔑'],
  ['a number', 7200],
  ['zero', 0],
  ['false', false],
  ['null', null],
  ['a list', [1, [2, 'drei'], null]],
  ['an object', { access_token: 'x', nested: { list: [1, 2], no: null } }],
]

/** A store whose values are fetched elsewhere also lists the key that can be fetched there. */
const isWrittenHere = (key: string): boolean => key !== 'FETCHED'

/** What was stored is read unchanged: values, keys, unknown fields, ledgers. */
export function recordTests(define: Define, supports: StoreSupports): void {
  define('an empty store has no record, no ledger and no keys', async (store, other) => {
    for (const view of [store, other]) {
      assert.equal(await view.read('K'), undefined)
      assert.equal(await view.readLedger('K'), undefined)
      assert.equal(typeof view.name, 'string')
    }
    assert.deepEqual(await keysIn(store), [])
  })

  define('another process reads what was committed under a lease', async (store, other) => {
    const lease = await acquireFree(store)
    await lease.writeLedger(ledgerOf(lease.fencingToken))
    const record = recordOf('K', lease.fencingToken)
    assert.equal(await lease.commit(record), true)
    await assertReads(other, 'K', record, supports)
    assert.deepEqual(await store.read('K'), record)
  })

  define('a new value replaces the previous one', async (store, other) => {
    for (const value of ['one', 'two, which is longer', '3'])
      await assertReads(other, 'K', await commitValue(store, 'K', value), supports)
    if (supports.leases !== false) await assertReads(store, 'K', await commitValue(other, 'K', 'by the other'), supports)
  })

  define('a removed value is gone', async (store, other) => {
    await assertReads(other, 'K', await commitValue(store, 'K', 1), supports)
    await (await acquireFree(store)).commit(undefined)
    await assertReads(other, 'K', undefined, supports)
  })

  define('unknown fields of records and ledgers are preserved', async (store, other) => {
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
    define(`a value can be ${title}`, async (store, other) => {
      await assertReads(other, 'K', await commitValue(store, 'K', value), supports)
    })
  }

  define('any text can be a key, and no key is mistaken for another', async (store, other) => {
    for (const key of ODD_KEYS) await commitValue(store, key, `value of ${key}`)
    for (const key of ODD_KEYS) assert.equal((await other.read(key))?.value, `value of ${key}`, key)
    assert.deepEqual((await keysIn(other)).filter(isWrittenHere), [...ODD_KEYS].sort())
  })

  define('keys that differ only in case are two keys, or are refused, but are never mixed up', async (store, other) => {
    await commitValue(store, 'A', 'upper')
    const result = await resultOrError(() => other.read('a'))
    if (result instanceof Error) return assert.equal((result as Error & { code?: string }).code, 'ERR_DOG_STORE')
    assert.equal(result, undefined)
    await commitValue(store, 'a', 'lower')
    assert.equal((await other.read('A'))?.value, 'upper')
    assert.equal((await other.read('a'))?.value, 'lower')
  })

  define('keys() lists the keys that have a record, and no others', async (store, other) => {
    await commitValue(store, 'ONE', 1)
    await commitValue(store, 'TWO', 2)
    await (await acquireFree(store, 'LEASED')).release()
    const holder = await acquireFree(store, 'LEDGER_ONLY')
    await holder.writeLedger(ledgerOf(holder.fencingToken))
    assert.deepEqual((await keysIn(other)).filter(isWrittenHere), ['ONE', 'TWO'])
    await holder.release()
    await (await acquireFree(store, 'ONE')).commit(undefined)
    assert.deepEqual((await keysIn(other)).filter(isWrittenHere), ['TWO'])
  })
}
