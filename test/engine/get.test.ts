import { getEventListeners } from 'node:events'
import t from 'tap'
import { rejectionOf } from '../support/errors.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { countingFetcher, createTestDog, fileStore, nextEvent, storeRecord } from '../support/test-dog.js'
import { deferred, pause, until } from '../support/timing.js'

t.test('Concurrent callers share one fetch, and later callers get its value', async (t) => {
  const { dog } = createTestDog(t)
  const fetcher = countingFetcher({ expiresIn: 60 }, 20)
  dog.init('K', fetcher)
  t.same(await Promise.all(Array.from({ length: 20 }, () => dog.get('K'))), Array(20).fill('v1'))
  for (let i = 0; i < 3; i++) t.equal(await dog.get('K'), 'v1')
  t.equal(fetcher.calls.count, 1)
})

t.test('Dogs on one store share one fetch', async (t) => {
  const { dog, another } = createTestDog(t)
  const fetcher = countingFetcher({ expiresIn: 60 }, 30)
  const dogs = [dog, another(), another()]
  for (const one of dogs) one.init('K', fetcher)
  t.same(await Promise.all(dogs.map((one) => one.get('K'))), ['v1', 'v1', 'v1'])
  t.equal(fetcher.calls.count, 1)
})

t.test('A stored valid value is used without a fetch', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'stored', -100, 7000)
  const fetcher = countingFetcher()
  dog.init('K', fetcher)
  t.equal(await dog.get('K'), 'stored')
  t.equal(fetcher.calls.count, 0)
})

t.test('A value that expired one millisecond ago is not served', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'old', -100, -0.001)
  dog.init('K', countingFetcher())
  t.equal(dog.peek('K'), undefined)
  t.equal(await dog.get('K'), 'v1')
})

t.test('A cached value ends at its expiry even for callers that never stop asking', async (t) => {
  const { dog } = createTestDog(t)
  const fetcher = countingFetcher({ expiresIn: 0.3, refreshAhead: 0 })
  dog.init('K', fetcher)
  t.equal(await dog.get('K'), 'v1')
  const { expiresAt } = dog.peek('K')!
  while (fetcher.calls.count === 1) {
    const asked = Date.now()
    if ((await dog.get('K')) === 'v1' && asked >= expiresAt) return t.fail(`served ${asked - expiresAt} ms after its end`)
  }
  t.equal(await dog.get('K'), 'v2')
})

t.test('A due value is served at once while one fetch replaces it', async (t) => {
  const { dog, another, store } = createTestDog(t)
  await storeRecord(store, 'K', 'due', -100, 5)
  const hold = deferred()
  let calls = 0
  const fetcher = async ({ reason }: { reason: string }) => {
    calls++
    t.equal(reason, 'due')
    await hold.promise
    return { value: 'new', expiresIn: 60 }
  }
  dog.init('K', fetcher)
  const other = another()
  other.init('K', fetcher)
  t.same(await Promise.all([dog.get('K'), dog.get('K'), other.get('K')]), ['due', 'due', 'due'])
  await until(() => calls > 0)
  t.same(await Promise.all([dog.get('K'), other.get('K')]), ['due', 'due'])
  const refreshed = nextEvent(dog, 'refresh')
  const elsewhere = nextEvent(other, 'refresh')
  hold.resolve()
  t.match(await Promise.race([refreshed, elsewhere]), { key: 'K', reason: 'due', late: false })
  t.equal(await dog.get('K'), 'new')
  t.equal(calls, 1)
})

t.test('A failed background refresh is a failure event, and the valid value is still served', async (t) => {
  const { dog, store, warnings } = createTestDog(t)
  const failures: unknown[] = []
  dog.on('failure', (failure) => failures.push(failure))
  await storeRecord(store, 'K', 'due', -100, 5)
  let calls = 0
  dog.init('K', () => {
    calls++
    throw new Error('down')
  })
  t.equal(await dog.get('K'), 'due')
  await until(() => failures.length > 0)
  t.match(failures, [{ key: 'K', code: 'ERR_DOG_FETCH', message: /down/ }])
  t.same(warnings, [])
  for (let i = 0; i < 50; i++) t.equal(await dog.get('K'), 'due')
  await pause(20)
  t.equal(calls, 1, 'the back-off is obeyed')
})

t.test('A value that lives shorter than minTtl is replaced before the call returns', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'stored', -100, 100)
  const fetcher = countingFetcher({ expiresIn: 7200 })
  dog.init('K', fetcher)
  t.equal(await dog.get('K', { minTtl: 90 }), 'stored')
  t.equal(await dog.get('K', { minTtl: 110 }), 'v1')
  t.equal(await dog.get('K', { minTtl: 110 }), 'v1')
  t.equal(fetcher.calls.count, 1)
})

t.test('After one fetch a call with minTtl returns the value whatever its lifetime', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'stored', -100, 100)
  const fetcher = countingFetcher({ expiresIn: 50 })
  dog.init('K', fetcher)
  t.same(await Promise.all([dog.get('K', { minTtl: 1000 }), dog.get('K', { minTtl: 2000 })]), ['v1', 'v1'])
  t.equal(fetcher.calls.count, 1)
  t.equal(await dog.get('K', { minTtl: 1000 }), 'v2')
  t.equal(fetcher.calls.count, 2)
})

for (const stored of [true, false]) {
  const situation = stored ? 'with a stored value' : 'with nothing stored'
  t.test(
    `With minTtl, a fetch that began before the call counts only if its value lives long enough, ${situation}`,
    async (t) => {
      const table: [lifetime: number, answer: string][] = [
        [50, 'v2'],
        [5000, 'v1'],
      ]
      for (const [lifetime, answer] of table) {
        const { dog, store } = createTestDog(t)
        if (stored) await storeRecord(store, 'K', 'stored', -100, 100)
        const begun = deferred()
        const hold = deferred()
        let calls = 0
        dog.init('K', async () => {
          const value = `v${++calls}`
          begun.resolve()
          await hold.promise
          return { value, expiresIn: value === 'v1' ? lifetime : 20 }
        })
        const early = dog.refresh('K')
        await begun.promise
        const late = dog.get('K', { minTtl: 1000 })
        // The late call joins the wait before the fetcher answers.
        await pause(20)
        hold.resolve()
        t.equal(await early, 'v1')
        t.equal(await late, answer)
      }
    },
  )
}

t.test('With minTtl, a failed fetch falls back to the value that is still valid', async (t) => {
  const { dog, store } = createTestDog(t)
  await storeRecord(store, 'K', 'stored', -100, 100)
  dog.init('K', () => Promise.reject(new Error('down')))
  t.equal(await dog.get('K', { minTtl: 1000 }), 'stored')
})

t.test('Aborting one caller rejects only that caller; the fetch continues for the others', async (t) => {
  const { dog } = createTestDog(t)
  const hold = deferred()
  const begun = deferred<AbortSignal>()
  dog.init('K', async ({ signal }) => {
    begun.resolve(signal)
    await hold.promise
    return { value: 'v', expiresIn: 60 }
  })
  const aborter = new AbortController()
  const leaving = dog.get('K', { signal: aborter.signal })
  const staying = dog.get('K')
  const fetching = await begun.promise
  aborter.abort(new Error('my own reason'))
  t.equal((await rejectionOf(leaving)).message, 'my own reason')
  t.equal(fetching.aborted, false)
  hold.resolve()
  t.equal(await staying, 'v')
})

t.test('A fetch whose only caller was aborted still finishes and stores its value', async (t) => {
  const { dog } = createTestDog(t)
  const fetcher = countingFetcher({ expiresIn: 60 }, 50)
  dog.init('K', fetcher)
  const refreshed = nextEvent(dog, 'refresh')
  t.match(await rejectionOf(dog.get('K', { signal: AbortSignal.timeout(10) })), { name: 'TimeoutError' })
  await refreshed
  t.equal(await dog.get('K'), 'v1')
  t.equal(fetcher.calls.count, 1)
})

t.test('A call with an aborted signal rejects and starts no fetch', async (t) => {
  const { dog } = createTestDog(t)
  const fetcher = countingFetcher()
  dog.init('K', fetcher)
  t.equal((await rejectionOf(dog.get('K', { signal: AbortSignal.abort(new Error('before')) }))).message, 'before')
  t.equal(fetcher.calls.count, 0)
})

t.test('peek returns the known value and never fetches', async (t) => {
  const { dog, store } = createTestDog(t)
  const fetcher = countingFetcher()
  dog.init('K', fetcher)
  t.equal(dog.peek('K'), undefined)
  t.equal(dog.peek('UNKNOWN'), undefined)
  const record = await storeRecord(store, 'K', { a: 1 }, -1, 60)
  await until(() => dog.peek('K') !== undefined)
  t.same(dog.peek('K'), { value: { a: 1 }, expiresAt: record.expiresAt, generation: record.generation })
  t.equal(fetcher.calls.count, 0)
})

t.test('Every caller gets its own copy of an object value', async (t) => {
  const { dog } = createTestDog(t)
  dog.init<{ list: number[] }>('K', async () => ({ value: { list: [1] }, expiresIn: 60 }))
  const values = [
    await dog.get<{ list: number[] }>('K'),
    await dog.get<{ list: number[] }>('K'),
    dog.peek<{ list: number[] }>('K')!.value,
  ]
  for (const value of values) value.list.push(2)
  await dog.use<{ list: number[] }, void>('K', (value) => void value.list.push(3))
  t.same(await dog.get('K'), { list: [1] })
  t.same(dog.peek('K')!.value, { list: [1] })
})

t.test('Changing an object after it was fetched or set does not change the stored value', async (t) => {
  const { dog } = createTestDog(t)
  const given = { list: [1] }
  dog.init<{ list: number[] }>('K', async () => ({ value: given, expiresIn: 60 }))
  await dog.get('K')
  given.list.push(2)
  t.same(await dog.get('K'), { list: [1] })
  const own = { list: [3] }
  await dog.set('K', own, { expiresIn: 60 })
  own.list.push(4)
  t.same(await dog.get('K'), { list: [3] })
})

for (const name of ['memory', 'file']) {
  t.test(`A fetcher may change its previous value without changing the value of others (${name} store)`, async (t) => {
    const { dog } = createTestDog(t, name === 'file' ? { store: fileStore({ dir: temporaryFolder(t) }) } : {})
    const begun = deferred()
    const hold = deferred()
    dog.init<{ list: number[] }>('K', async ({ previous }) => {
      try {
        previous?.list.push(9)
      } finally {
        begun.resolve()
      }
      await hold.promise
      return { value: { list: [2] }, expiresIn: 60 }
    })
    await dog.set('K', { list: [1] }, { expiresIn: 60 })
    t.same(await dog.get('K'), { list: [1] })
    const refreshed = dog.refresh('K').catch((error) => error)
    await begun.promise
    t.same(await dog.get('K'), { list: [1] })
    t.same(dog.peek('K')!.value, { list: [1] })
    hold.resolve()
    t.same(await refreshed, { list: [2] })
  })
}

t.test('Every wrong argument throws a TypeError', async (t) => {
  const { dog } = createTestDog(t)
  for (const call of [
    () => dog.get(''),
    () => dog.get(1 as never),
    () => dog.get('K', 'callback' as never),
    () => dog.get('K', { minTtl: -1 }),
    () => dog.get('K', { signal: {} as never }),
    () => dog.peek(''),
    () => dog.refresh(''),
    () => dog.refresh('K', { force: 1 as never }),
    () => dog.use('K', 'task' as never),
    () => dog.remove(''),
    () => dog.set('', 'v', { expiresIn: 1 }),
    () => dog.init('', () => {}),
    () => dog.init('K', 'fetcher' as never),
    () => dog.init('K', undefined as never),
    () => dog.on('error' as never, () => {}),
    () => dog.on('change', 'listener' as never),
    () => dog.off('chang' as never, () => {}),
  ]) {
    t.equal((await rejectionOf(call)).name, 'TypeError', String(call))
  }
})

t.test('A long-lived AbortSignal keeps no reference to calls that have ended', async (t) => {
  const { dog } = createTestDog(t)
  const end = deferred()
  dog.init('K', async () => {
    await end.promise
    return { value: 'v', expiresIn: 7200 }
  })
  const warnings: Error[] = []
  const onWarning = (warning: Error) => warnings.push(warning)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const { signal } = new AbortController()
  const calls = Array.from({ length: 100 }, () => dog.get('K', { signal }))
  end.resolve()
  await Promise.all(calls)
  await pause(10)
  t.ok(getEventListeners(signal, 'abort').length <= 1)
  const dependants = Object.getOwnPropertySymbols(signal).find((symbol) => symbol.description === 'kDependantSignals')
  t.notOk(dependants && (signal as never as Record<symbol, Set<unknown>>)[dependants]?.size)
  t.strictSame(warnings, [])
})
