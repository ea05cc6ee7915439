import t from 'tap'
import { DogError } from '../../../../src/core/model/errors.js'
import { checkFetchResult } from '../../../../src/core/model/fetch-result.js'

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
