import t from 'tap'
import { expiryOf, UnusableResult } from '../../../../src/core/model/parse-expiry.js'
import { MAX_EPOCH_MS } from '../../../../src/core/shared/format.js'
import { throwsInstanceOf } from '../../../support/errors.js'

const START = 1_763_650_000_000

t.test('expiresIn counts seconds from the start of the fetch', async (t) => {
  const table: [unknown, number][] = [
    [0, START],
    [-0, START],
    [1, START + 1000],
    [0.0015, START + 2],
    ['7200', START + 7200_000],
    [' 7200 ', START + 7200_000],
    ['0', START],
    ['1e3', START + 1000_000],
    [Number.POSITIVE_INFINITY, MAX_EPOCH_MS],
    ['Infinity', MAX_EPOCH_MS],
    [1.2e9 - 1, START + (1.2e9 - 1) * 1000],
    [34 * 86_400, START + 34 * 86_400_000],
    ['2025-12-01T00:00:00Z', Date.UTC(2025, 11, 1)],
  ]
  for (const [expiresIn, end] of table) t.equal(expiryOf({ expiresIn }, START), end, String(expiresIn))
})

t.test('expiresAt is a time in milliseconds, a Date or an ISO string', async (t) => {
  const table: [unknown, number][] = [
    [START + 1, START + 1],
    [String(START), START],
    [1e11, 1e11],
    [START + 0.4, START],
    [Number.POSITIVE_INFINITY, MAX_EPOCH_MS],
    [new Date(START), START],
    [new Date(0), 0],
    ['2025-11-20T14:46:40.000Z', START],
    ['2025-11-20T22:46:40+08:00', START],
  ]
  for (const [expiresAt, end] of table) t.equal(expiryOf({ expiresAt }, START), end, String(expiresAt))
})

t.test('An expiresAt in seconds instead of milliseconds is refused', async (t) => {
  for (const expiresAt of [0, 1, 1_763_657_200, '1763657200', 1e11 - 1]) {
    t.throws(() => expiryOf({ expiresAt }, START), { message: /looks like seconds/ })
  }
})

t.test('A time given as expiresIn is refused, in seconds and in milliseconds', async (t) => {
  for (const expiresIn of [1.2e9, 1_763_657_200, '1763657200', 1_763_657_200_000, 1e300]) {
    t.throws(() => expiryOf({ expiresIn }, START), { message: /expiresIn .*looks like a time: give it as expiresAt/ })
  }
})

t.test('A value that is no lifetime is refused', async (t) => {
  const bad = [
    Number.NaN,
    -1,
    -0.001,
    Number.NEGATIVE_INFINITY,
    '-1',
    'NaN',
    '',
    ' ',
    'soon',
    true,
    {},
    [],
    () => 1,
    1n,
    Symbol.iterator,
  ]
  for (const expiresIn of bad) throwsInstanceOf(t, () => expiryOf({ expiresIn }, START), UnusableResult, String(expiresIn))
  for (const expiresAt of [...bad, new Date(Number.NaN), new Date(-1)])
    throwsInstanceOf(t, () => expiryOf({ expiresAt }, START), UnusableResult, String(expiresAt))
  t.throws(() => expiryOf({}, START), { message: 'expiresIn or expiresAt is missing' })
  throwsInstanceOf(t, () => expiryOf({ expiresIn: null, expiresAt: null }, START), UnusableResult, 'nulls')
})

t.test('An error about a wrong lifetime does not contain the text, which may be the secret', async (t) => {
  for (const given of [
    { expiresIn: 'S3CRET' },
    { expiresAt: 'S3CRET' },
    { expiresIn: { s: 'S3CRET' } },
    { expiresAt: ['S3CRET'] },
  ]) {
    try {
      expiryOf(given, START)
      t.fail('must throw')
    } catch (error) {
      t.notMatch((error as Error).message, /S3CRET/)
    }
  }
})
