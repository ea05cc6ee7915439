// Lifetimes of nothing, of more than a timer can wait, and of more than a date can hold; and texts
// that are dates.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DIST_ENTRY } from '../support/children.js'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { countingFetcher, createDog, createTestDog } from '../support/test-dog.js'
import { pause } from '../support/timing.js'

const DAYS_34_S = 34 * 86_400

for (const seconds of [0, 0.001]) {
  t.test(`A value that lives ${seconds} s goes to every waiting caller, and only a later call fetches again`, async (t) => {
    const dir = temporaryFolder(t)
    const dogs = [createDog({ dir, autoRefresh: true }), createDog({ dir, autoRefresh: true })]
    t.teardown(() => Promise.all(dogs.map((dog) => dog.close())))
    const fetcher = countingFetcher({ expiresIn: seconds }, 100)
    for (const dog of dogs) dog.init('K', fetcher)
    const values = await Promise.all(Array.from({ length: 20 }, (_, i) => dogs[i % 2]!.get('K')))
    t.strictSame([...new Set(values)], ['v1'])
    await pause(500)
    t.equal(fetcher.calls.count, 1, 'the value is not fetched in a loop')
    t.equal(dogs[0]!.peek('K'), undefined)
    t.equal(await dogs[0]!.get('K'), 'v2')
    t.match(await dogs[0]!.status(), [{ state: 'expired' }])
  })
}

for (const seconds of [1e9, Number.POSITIVE_INFINITY, DAYS_34_S]) {
  t.test(
    `A value that lives ${seconds} s is fetched once with autoRefresh, although no timer can last that long`,
    async (t) => {
      const dir = temporaryFolder(t)
      const dog = createDog({ dir, autoRefresh: true })
      t.teardown(() => dog.close())
      const fetcher = countingFetcher({ expiresIn: seconds })
      dog.init('K', fetcher)
      t.equal(await dog.get('K'), 'v1')
      // A timer that overflows would fire within a millisecond, again and again.
      await pause(300)
      t.equal(await dog.get('K'), 'v1')
      t.equal(fetcher.calls.count, 1)
      const [status] = await dog.status()
      t.equal(status!.state, 'fresh')
      const { expiresAt, fetchedAt } = JSON.parse(readFileSync(join(dir, 'K.dog'), 'utf8'))
      t.equal(expiresAt, Math.min(8.64e15, fetchedAt + seconds * 1000))
      t.equal(new Date(dog.peek('K')!.expiresAt).getTime(), expiresAt, 'the expiry is a valid Date')
      const other = createDog({ dir })
      t.teardown(() => other.close())
      t.equal(await other.get('K', { minTtl: 1e8 > seconds ? 1e6 : 1e8 }), 'v1')
    },
  )
}

t.test('The timer of a value that lives 34 days does not keep the process alive', async (t) => {
  const dir = temporaryFolder(t)
  const script = `
    const dog = require(${JSON.stringify(DIST_ENTRY)})
    dog.init('K', () => ({ value: 'v', expiresIn: ${DAYS_34_S} }), { dir: ${JSON.stringify(dir)}, autoRefresh: true })
    dog.get('K').then(console.log)`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  const code = await new Promise((resolve) => child.on('close', resolve))
  t.strictSame([code, out], [0, 'v\n'])
})

/**
 * Date.parse finds a date in almost any text with a number: with it, `token-7200` lived until the
 * year 7200.
 */

for (const text of ['token-7200', 'SECRETVALUE-42', 'in 5 minutes', 'error 1', '7200s', 'May', '1 1 1']) {
  for (const field of ['expiresIn', 'expiresAt']) {
    t.test(`The text ${JSON.stringify(text)} is not accepted as a date in ${field}`, async (t) => {
      const { dog } = createTestDog(t)
      dog.init('K', async () => ({ value: 'v', [field]: text }))
      t.match(await rejectionOf(dog.get('K')), { code: 'ERR_DOG_FETCH_RESULT' })
    })
  }
}

for (const [name, text] of [
  ['a day', '2999-01-02'],
  ['UTC', '2999-01-02T03:04:05Z'],
  ['with milliseconds', '2999-01-02T03:04:05.678Z'],
  ['an offset', '2999-01-02T03:04:05+08:00'],
] as const) {
  t.test(`An ISO date is accepted as expiresAt: ${name}`, async (t) => {
    const { dog } = createTestDog(t)
    dog.init('K', async () => ({ value: 'v', expiresAt: text }))
    await dog.get('K')
    t.equal(dog.peek('K')?.expiresAt, Date.parse(text))
  })
}
