import { strict as assert } from 'node:assert'
import { commitValue, type Define, eventually, pause, resultOrError } from './helpers.js'

/** A store whose values are written and fetched elsewhere: it asks there, and nothing is taken from here. */
export function fetchesElsewhereTests(define: Define): void {
  const { signal } = new AbortController()

  define('what nobody has is fetched there, when it is asked for', async (_store, other) => {
    const record = await other.refresh!('FETCHED', { force: false }, signal)
    assert.equal(record.key, 'FETCHED')
    assert.ok(record.expiresAt > Date.now())
    assert.ok(Number.isSafeInteger(record.generation))
    assert.deepEqual((await other.read('FETCHED'))?.value, record.value)
    const again = await other.refresh!('FETCHED', { force: false }, signal)
    assert.equal(again.generation, record.generation, 'a valid value is no reason to fetch')
  })

  define('another value than the stale one is fetched there, once for all who report it', async (_store, other) => {
    const { value, generation } = await other.refresh!('FETCHED', { force: false }, signal)
    const reports = await Promise.all(
      Array.from({ length: 20 }, () => other.refresh!('FETCHED', { rejected: value, force: false }, signal)),
    )
    assert.equal(new Set(reports.map((record) => record.generation)).size, 1)
    assert.ok(reports[0]!.generation > generation)
    assert.notDeepEqual(reports[0]!.value, value)
  })

  define('one of a later generation is fetched there', async (_store, other) => {
    const { generation } = await other.refresh!('FETCHED', { force: false }, signal)
    const later = await other.refresh!('FETCHED', { after: generation, force: false }, signal)
    assert.ok(later.generation > generation)
  })

  define('what nobody can fetch is an error, and no lease is to be had here', async (_store, other) => {
    for (const ask of [() => other.refresh!('NOWHERE', { force: false }, signal), () => other.acquire('K', 1)]) {
      const error = (await resultOrError(ask as () => Promise<unknown>)) as Error & { code?: string }
      assert.match(String(error.code), /^ERR_DOG_(NO_FETCHER|STORE)$/)
    }
  })

  define('settled waits until there is another value, or an abort', async (store, other) => {
    const { generation } = await commitValue(store, 'K', 1)
    const aborter = new AbortController()
    let over = 0
    const waits = [signal, aborter.signal].map((end) => other.waitForChange('K', generation, end).then(() => over++))
    await pause(300)
    assert.equal(over, 0)
    aborter.abort()
    await waits[1]
    assert.equal(over, 1)
    await commitValue(store, 'K', 2)
    await eventually(() => over === 2 || undefined)
  })
}
