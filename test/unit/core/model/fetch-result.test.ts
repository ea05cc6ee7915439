import t from 'tap'
import { DogError } from '../../../../src/core/model/errors.js'
import { checkFetchResult, toStorable } from '../../../../src/core/model/fetch-result.js'
import { UnusableResult } from '../../../../src/core/model/parse-expiry.js'
import { throwsInstanceOf } from '../../../support/errors.js'

const START = 1_763_650_000_000.4

t.test('checkFetchResult turns an answer into the fields of a record', async (t) => {
  t.same(checkFetchResult('K', { value: 'v', expiresIn: 7200 }, START, undefined), {
    value: 'v',
    fetchedAt: 1_763_650_000_000,
    expiresAt: 1_763_657_200_000,
    ahead: 300,
  })
})

t.test(
  'refreshAhead comes from the answer, else from the option, else from the default, and is at most two thirds',
  async (t) => {
    const ahead = (answer: unknown, option: number | undefined, expiresIn: number) =>
      checkFetchResult('K', { value: 'v', expiresIn, refreshAhead: answer }, 0, option).ahead
    t.equal(ahead(2, 5, 100), 2)
    t.equal(ahead('2', 5, 100), 2)
    t.equal(ahead(0, 5, 100), 0)
    t.equal(ahead(undefined, 5, 100), 5)
    t.equal(ahead(undefined, 0, 100), 0)
    t.equal(ahead(undefined, undefined, 100), 10)
    t.equal(ahead(99, undefined, 90), 60)
    t.equal(ahead(undefined, 99, 90), 60)
    t.equal(ahead(5, undefined, 0), 0)
    t.throws(() => ahead(-1, undefined, 90), { code: 'ERR_DOG_FETCH_RESULT' })
    t.throws(() => ahead('soon', undefined, 90), { code: 'ERR_DOG_FETCH_RESULT' })
  },
)

t.test('toStorable returns a copy of the value, as JSON gives it to every other process', async (t) => {
  for (const value of ['', 'x', 0, false, null]) t.equal(toStorable(value), value)
  const given = { date: new Date(0), none: undefined, list: [undefined], number: Number.NaN }
  t.same(toStorable(given), { date: '1970-01-01T00:00:00.000Z', list: [null], number: null })
  t.not(toStorable(given), given)
})

t.test('toStorable refuses values that JSON cannot hold, and values that are too long', async (t) => {
  const loop: Record<string, unknown> = {}
  loop.loop = loop
  for (const value of [undefined, () => 1, Symbol('x'), loop, 1n])
    throwsInstanceOf(t, () => toStorable(value), UnusableResult, typeof value)
  t.equal(toStorable('x'.repeat(699_998)), 'x'.repeat(699_998))
  throwsInstanceOf(t, () => toStorable('x'.repeat(699_999)), UnusableResult, 'a long one')
  throwsInstanceOf(t, () => toStorable('中'.repeat(300_000)), UnusableResult, 'a long one, in bytes')
})

t.test('toStorable refuses numbers that JSON cannot hold, or stores null as every other process reads', async (t) => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    let stored: unknown
    try {
      stored = toStorable(value)
    } catch (error) {
      t.ok(error instanceof UnusableResult)
      continue
    }
    t.equal(stored, null, `${value} is null for everybody else`)
  }
})

t.test(
  'The error for an unusable answer names the key, not the value, and asks about an error answer where there is no value',
  async (t) => {
    const message = (given: object) => {
      try {
        checkFetchResult('K', given, START, undefined)
      } catch (error) {
        t.ok(error instanceof DogError)
        t.match(error, { code: 'ERR_DOG_FETCH_RESULT', key: 'K' })
        return (error as Error).message
      }
      throw new Error('must throw')
    }
    t.match(message({ expiresIn: 7200 }), /"K".*undefined.*error\?/)
    t.match(message({ value: 'S3CRET' }), /expiresIn or expiresAt is missing/)
    for (const given of [{ value: 'S3CRET' }, { value: 'S3CRET', expiresIn: -1 }, { value: 'x', expiresIn: 'S3CRET' }]) {
      t.notMatch(message(given), /S3CRET/)
    }
  },
)
