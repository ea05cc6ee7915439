import { strict as assert } from 'node:assert'
import { commitValue, type Define, eventually, pause, resultOrError } from './helpers.js'

/**
 * A store whose values are written and fetched elsewhere: it requests them there and has no leases
 * here.
 */
export function fetchesElsewhereTests(define: Define): void {
  const { signal } = new AbortController()

  define('refresh() of a missing value fetches it on the other side', async (_store, other) => {
    const record = await other.refresh!('FETCHED', { force: false }, signal)
    assert.equal(record.key, 'FETCHED')
    assert.ok(record.expiresAt > Date.now())
    assert.ok(Number.isSafeInteger(record.generation))
    assert.deepEqual((await other.read('FETCHED'))?.value, record.value)
    const again = await other.refresh!('FETCHED', { force: false }, signal)
    assert.equal(again.generation, record.generation, 'a valid value is not fetched again')
  })

  define('a rejected value is replaced by one fetch on the other side, however many report it', async (_store, other) => {
    const { value, generation } = await other.refresh!('FETCHED', { force: false }, signal)
    const reports = await Promise.all(
      Array.from({ length: 20 }, () => other.refresh!('FETCHED', { rejected: value, force: false }, signal)),
    )
    assert.equal(new Set(reports.map((record) => record.generation)).size, 1)
    assert.ok(reports[0]!.generation > generation)
    assert.notDeepEqual(reports[0]!.value, value)
  })

  define('refresh() with `after` fetches a value of a later generation on the other side', async (_store, other) => {
    const { generation } = await other.refresh!('FETCHED', { force: false }, signal)
    const later = await other.refresh!('FETCHED', { after: generation, force: false }, signal)
    assert.ok(later.generation > generation)
  })

  define('a key that nobody can fetch is an error, and so is acquiring a lease here', async (_store, other) => {
    for (const attempt of [() => other.refresh!('NOWHERE', { force: false }, signal), () => other.acquire('K', 1)]) {
      const error = (await resultOrError(attempt as () => Promise<unknown>)) as Error & { code?: string }
      assert.match(String(error.code), /^ERR_DOG_(NO_FETCHER|STORE)$/)
    }
  })

  define('waitForChange waits until there is another value, or until an abort', async (store, other) => {
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
