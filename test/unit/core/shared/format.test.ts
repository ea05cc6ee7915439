import t from 'tap'
import type { DogRecord, Ledger } from '../../../../index.js'
import {
  decodeLedger,
  decodeRecord,
  encodeLedger,
  encodeRecord,
  limitRefreshAhead,
  MAX_EPOCH_MS,
  unknownFields,
} from '../../../../src/core/shared/format.js'

const record: DogRecord = {
  key: 'ACCESS_TOKEN',
  value: 'token',
  fetchedAt: 1763650000000,
  expiresAt: 1763657200000,
  ahead: 300,
  generation: 7,
  identity: 'wx1',
  by: 'host:1',
}
const ledger: Ledger = {
  fetches: { since: 1763650000000, count: 12, last: 9 },
  failure: { at: 1763650000000, count: 1, retryAt: 1763650001000, code: 'ERR_DOG_FETCH', message: 'no' },
}
const edit = (changes: object) => JSON.stringify({ dotdog: 1, ...record, ...changes })
const editLedger = (changes: object) => JSON.stringify({ dotdog: 1, key: 'K', ...ledger, ...changes })

t.test('A record is one line of JSON, with its fields in the order of the format', async (t) => {
  const text = encodeRecord(record)
  t.equal(
    text,
    '{"dotdog":1,"key":"ACCESS_TOKEN","value":"token","fetchedAt":1763650000000,"expiresAt":1763657200000,"ahead":300,' +
      '"generation":7,"identity":"wx1","by":"host:1"}\n',
  )
  t.same(decodeRecord(text, 'ACCESS_TOKEN'), record)
})

t.test('Every JSON value survives encoding, on one line', async (t) => {
  for (const value of ['', 'a\nb\r\u2028"\\', '中文🔑', 0, -1.5, true, false, null, [], [1, [null]], {}, { a: { b: 'c' } }]) {
    const text = encodeRecord({ ...record, value })
    t.equal(text.indexOf('\n'), text.length - 1)
    t.same(decodeRecord(text, 'ACCESS_TOKEN'), { ...record, value })
  }
})

t.test('Fields of a later version survive a round trip, and cannot replace known fields', async (t) => {
  const later = { ...record, later: { deep: [1] }, dotdogs: 2 }
  t.same(decodeRecord(encodeRecord(later), 'K'), later)
  t.same(unknownFields(later), { later: { deep: [1] }, dotdogs: 2 })
  t.same(unknownFields(record), {})
  t.same(unknownFields(undefined), {})
})

t.test('Missing optional fields stay missing', async (t) => {
  const { identity, by, ...bare } = record
  t.same(Object.keys(decodeRecord(encodeRecord(bare as DogRecord), 'K')).sort(), Object.keys(bare).sort())
})

t.test('A text that is no record is damaged, and never decodes in part', async (t) => {
  const text = encodeRecord(record)
  const damaged = [
    '',
    ' ',
    'null',
    '{}',
    '[]',
    '1',
    '"text"',
    'true',
    'garbage',
    '\0'.repeat(64),
    '<html>',
    text + text,
    edit({ key: 1 }),
    edit({ key: undefined }),
    edit({ value: undefined }),
    edit({ fetchedAt: '1763650000000' }),
    edit({ fetchedAt: -1 }),
    edit({ fetchedAt: null }),
    edit({ expiresAt: null }),
    edit({ expiresAt: MAX_EPOCH_MS * 10 }),
    edit({ ahead: -1 }),
    edit({ ahead: '300' }),
    edit({ generation: 1.5 }),
    edit({ generation: -1 }),
    edit({ generation: 2 ** 53 }),
    edit({ generation: null }),
    edit({ identity: 1 }),
    edit({ by: {} }),
    edit({ dotdog: '1' }),
    edit({ dotdog: 0 }),
    edit({ dotdog: null }),
  ]
  for (const bytes of damaged) t.equal(decodeRecord(bytes, 'K'), 'damaged', JSON.stringify(bytes.slice(0, 60)))
  for (let length = 0; length < text.length - 1; length++) t.equal(decodeRecord(text.slice(0, length), 'K'), 'damaged')
})

t.test('Fields at their limits are accepted', async (t) => {
  for (const accepted of [
    { fetchedAt: 0 },
    { expiresAt: MAX_EPOCH_MS },
    { ahead: 0 },
    { ahead: 0.5 },
    { generation: 0 },
    { value: null },
  ]) {
    t.same(decodeRecord(edit(accepted), 'K'), { ...record, ...accepted })
  }
})

t.test('A newer format is distinguished from a damaged file, whatever else the file holds', async (t) => {
  t.equal(decodeRecord(edit({ dotdog: 2 }), 'K'), 'newer')
  t.equal(decodeRecord('{"dotdog":2}', 'K'), 'newer')
  t.equal(decodeRecord('{"dotdog":1.5}', 'K'), 'newer')
  t.equal(decodeLedger('{"dotdog":2}'), 'newer')
})

t.test("guard_dog's file decodes to a record", async (t) => {
  const file = { data: 'token', expires_in: 7200, gen_time: 1763650000000, dir: '/home/x', ahead: 2 }
  t.same(decodeRecord(JSON.stringify(file), 'ACCESS_TOKEN'), {
    key: 'ACCESS_TOKEN',
    value: 'token',
    fetchedAt: 1763650000000,
    expiresAt: 1763657200000,
    ahead: 2,
    generation: 1763650000000,
  })
})

t.test("guard_dog's special cases decode: Infinity, written as null, numbers as text, and no lifetime", async (t) => {
  const read = (changes: object) =>
    decodeRecord(
      JSON.stringify({ data: 'x', expires_in: 7200, gen_time: 1e12, dir: '', ahead: 2, ...changes }),
      'K',
    ) as DogRecord
  t.equal(read({ expires_in: null }).expiresAt, 1e12, 'guard_dog itself reads null as expired')
  t.equal(read({ expires_in: undefined }).expiresAt, 1e12)
  t.equal(read({ expires_in: '7200' }).expiresAt, 1e12 + 7200_000)
  t.equal(read({ expires_in: 1e300 }).expiresAt, MAX_EPOCH_MS)
  t.equal(read({ ahead: undefined }).ahead, 2)
  t.equal(read({ ahead: 7200 }).ahead, 4800, 'at most two thirds of the lifetime')
  t.equal(read({ ahead: -5 }).ahead, 0)
  t.equal(read({ expires_in: 3 }).ahead, 2)
  t.same(read({ data: { a: 1 } }).value, { a: 1 })
  t.equal(read({ data: null }).value, null)
  t.equal(read({ data: '' }).value, '')
  t.equal(read({ gen_time: 1e12 + 0.5 }).generation, 1e12)
  for (const bad of [
    { data: undefined },
    { gen_time: undefined },
    { gen_time: '1' },
    { expires_in: -1 },
    { expires_in: 'soon' },
  ]) {
    t.equal(read(bad), 'damaged', JSON.stringify(bad))
  }
})

t.test('limitRefreshAhead allows at most two thirds of a lifetime', async (t) => {
  t.equal(limitRefreshAhead(300, 7200), 300)
  t.equal(limitRefreshAhead(4800, 7200), 4800)
  t.equal(limitRefreshAhead(4801, 7200), 4800)
  t.equal(limitRefreshAhead(300, 3), 2)
  t.equal(limitRefreshAhead(300, 0), 0)
  t.equal(limitRefreshAhead(-1, 10), 0)
  t.equal(limitRefreshAhead(300, Number.POSITIVE_INFINITY), 300)
})

t.test('A ledger survives a round trip with and without a failure, and with fields of a later version', async (t) => {
  t.same(decodeLedger(encodeLedger('K', ledger)), ledger)
  t.same(decodeLedger(encodeLedger('K', { fetches: ledger.fetches })), { fetches: ledger.fetches })
  t.same(decodeLedger(encodeLedger('K', { ...ledger, later: { a: 1 } })), { ...ledger, later: { a: 1 } })
  t.match(encodeLedger('K', ledger), /^\{"dotdog":1,"key":"K","fetches":\{.*\},"failure":\{.*\}\}\n$/)
})

t.test('A ledger from before fencing tokens decodes with 0 as its last token', async (t) => {
  const decoded = decodeLedger(editLedger({ fetches: { since: 1, count: 2 } })) as Ledger
  t.same(decoded.fetches, { since: 1, count: 2, last: 0 })
})

t.test('A text that is no ledger is damaged', async (t) => {
  const damaged = [
    '',
    'null',
    '{}',
    '[]',
    '{"dotdog":1}',
    editLedger({ dotdog: '1' }),
    editLedger({ fetches: null }),
    editLedger({ fetches: { since: 'x', count: 1 } }),
    editLedger({ fetches: { since: 1, count: -1 } }),
    editLedger({ failure: null }),
    editLedger({ failure: {} }),
    editLedger({ failure: { ...ledger.failure, retryAt: '1' } }),
    editLedger({ failure: { ...ledger.failure, message: 1 } }),
    encodeLedger('K', ledger).slice(0, 40),
  ]
  for (const text of damaged) t.equal(decodeLedger(text), 'damaged', text)
})
