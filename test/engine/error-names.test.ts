import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import t from 'tap'
import '../support/built.js'

const { DogError }: typeof import('../../index.js') = createRequire(import.meta.url)('../../dist/index.js')

t.test('A DogError of the minified build is printed under its name', async (t) => {
  const error = new DogError('ERR_DOG_STORE', 'what happened', { key: 'K' })
  t.equal(DogError.name, 'DogError')
  t.equal(error.name, 'DogError')
  t.equal(String(error), 'DogError: what happened')
  t.match(error.stack, /^DogError: what happened\n/)
  t.match(inspect(error), /^DogError: what happened\n/)
  t.notMatch(inspect(error), /\[DogError\]/)
})
