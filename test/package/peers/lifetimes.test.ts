import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import dotdog from '../../../src/core/index.js'
import { temporary } from '../../support/children.js'

const dogIn = (t: Test, dir: string) => {
  const dog = dotdog.createDog({ dir })
  t.teardown(() => dog.close())
  return dog
}

// Bug of silenceper and w7corp: `expires_in` minus a fixed margin of 300 or 1500 s is 0 or less, so
// that every get fetches.
for (const expiresIn of [1, 5, 299, 300]) {
  for (const ahead of [undefined, 300, 1500]) {
    const margin = ahead === undefined ? '' : ` and a margin of ${ahead} s`
    t.test(
      `A value with a lifetime of ${expiresIn} s${margin} is served from the store, not fetched by each get`,
      async (t) => {
        const dir = temporary((end) => t.teardown(end))
        const begun = performance.now()
        let fetches = 0
        const dogs = [dogIn(t, dir), dogIn(t, dir)]
        for (const dog of dogs)
          dog.init('KEY', async () => ({ value: `value ${++fetches}`, expiresIn }), { refreshAhead: ahead })
        for (let round = 0; round < 20; round++) {
          for (const dog of dogs) await dog.get('KEY')
          // Enough time for a background refresh to start.
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
        // A margin is at most two thirds of the lifetime. On a slow machine one third of it may pass.
        const allowed = 1 + Math.floor((performance.now() - begun) / ((expiresIn * 1000) / 3))
        t.ok(fetches >= 1 && fetches <= allowed, `${fetches} fetches, ${allowed} allowed`)
      },
    )
  }
}

const record = (value: string, expiresAt: number) =>
  JSON.stringify({ dotdog: 1, key: 'KEY', value, fetchedAt: expiresAt - 60_000, expiresAt, ahead: 6, generation: 7 })

// Bug of wxatm: `if (data || …)` serves an expired value for ever.
t.test('An expired value in the store is not served, and the upstream is asked', async (t) => {
  const dir = temporary((end) => t.teardown(end))
  const dog = dogIn(t, dir)
  writeFileSync(join(dir, 'KEY.dog'), record('old', Date.now() - 1))
  dog.init('KEY', async () => ({ value: 'new', expiresIn: 60 }))
  t.equal(dog.peek('KEY'), undefined)
  t.equal(await dog.get('KEY'), 'new')
})

t.test('When the upstream fails, an expired value is not served, but a due one is', async (t) => {
  for (const [left, expected] of [
    [-1, undefined],
    [3_000, 'old'],
  ] as const) {
    const dir = temporary((end) => t.teardown(end))
    const dog = dogIn(t, dir)
    writeFileSync(join(dir, 'KEY.dog'), record('old', Date.now() + left))
    dog.init('KEY', async () => {
      throw new Error('the upstream is down')
    })
    if (expected) t.equal(await dog.get('KEY'), expected, 'the value is due but valid')
    else {
      await t.rejects(dog.get('KEY'), { code: 'ERR_DOG_FETCH' })
      await t.rejects(dog.get('KEY'), { code: 'ERR_DOG_FETCH' }, 'the next get does not serve it either')
      t.equal(dog.peek('KEY'), undefined)
    }
  }
})

t.test('A key without a fetcher does not get an expired value', async (t) => {
  const dir = temporary((end) => t.teardown(end))
  writeFileSync(join(dir, 'KEY.dog'), record('old', Date.now() - 1))
  await t.rejects(dogIn(t, dir).get('KEY'), { code: 'ERR_DOG_NO_FETCHER' })
})

t.test('A value that expires in memory is not served from memory', async (t) => {
  const dog = dogIn(
    t,
    temporary((end) => t.teardown(end)),
  )
  let fetches = 0
  dog.init('KEY', async () => ({ value: `value ${++fetches}`, expiresIn: 0.3, refreshAhead: 0 }))
  await dog.get('KEY')
  const { expiresAt } = dog.peek('KEY') ?? { expiresAt: 0 }
  while (Date.now() < expiresAt) await new Promise((resolve) => setTimeout(resolve, 5))
  t.equal(dog.peek('KEY'), undefined)
  t.equal(await dog.get('KEY'), `value ${fetches}`)
  t.ok(fetches >= 2, `${fetches} fetches`)
})
