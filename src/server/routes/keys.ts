import type { Dog } from 'dotdog'
import { forbidden } from '../auth/authenticator.js'
import { readObject } from '../http/body.js'
import { Problem } from '../http/problem.js'
import type { RequestContext, ServerRoute } from '../http/request-context.js'
import { send, sendJson, sendUnchanged } from '../http/respond.js'
import type { LongPolls, PollOutcome } from './long-polls.js'
import type { SerializedValue, ValueCache } from './value-cache.js'

/** `/v1/keys`: lists the keys, gives a value or waits for another one, and refreshes a value. */

const MAX_WAIT_S = 60
/** Proxies give up after 60 s without an answer. */
const MAX_GRANTED_WAIT_S = 50

/** How long a poll waits that asked for this many seconds. */
export const grantedWaitMs = (waitS: number): number => Math.min(waitS, MAX_GRANTED_WAIT_S) * 1000
const MAX_KEY_CHARS = 120

interface KeyRoutesParts {
  dog: Dog
  values: ValueCache
  polls: LongPolls
  maxBodyBytes: number
}

export function keyRoutes({ dog, values, polls, maxBodyBytes }: KeyRoutesParts): ServerRoute[] {
  /**
   * The key of the path.
   *
   * @throws Problem (403) if the client may not read it, whether it exists or not.
   */
  function readableKey({ params, client }: RequestContext): string {
    const { key } = params
    if (key === undefined || client === undefined || !client.mayRead(key)) throw forbidden()
    return key
  }

  /**
   * The answer to `only-if-cached` (RFC 9111): the client learns that there is no value, and
   * decides whether to wait.
   */
  async function cachedOnly(key: string): Promise<SerializedValue> {
    await assertExists(key)
    const cached = values.cached(key)
    if (cached === undefined) throw new Problem(504, 'not_cached', 'There is no valid value right now')
    return cached
  }

  async function assertExists(key: string): Promise<void> {
    if (key.length > MAX_KEY_CHARS || !(await values.has(key))) {
      throw new Problem(404, 'unknown_key', 'There is no such key')
    }
  }

  async function resolve(key: string): Promise<SerializedValue> {
    await assertExists(key)
    return await values.resolve(key)
  }

  async function refresh(key: string, options: { rejected?: unknown; force?: boolean }): Promise<SerializedValue> {
    try {
      return await values.resolve(key, () => dog.refresh<unknown>(key, options))
    } catch (error) {
      // The only misuse that a client can cause: no key can have what it reports, such as 1e999.
      if (error instanceof TypeError) throw new Problem(400, 'bad_body', '"rejected" is no value that a key can have')
      throw error
    }
  }

  /**
   * The refreshes of {@link newerThan} under way, with the generation that was known when each
   * began.
   */
  const refreshes = new Map<string, { from: number; result: Promise<SerializedValue> }>()

  /**
   * A value of a later generation than the client knows. Clients that ask at nearly the same time
   * are answered by one fetch.
   */
  async function newerThan(key: string, generation: number): Promise<SerializedValue> {
    const cached = values.cached(key)
    if (cached !== undefined && cached.generation > generation) return cached
    const current = refreshes.get(key)
    if (current !== undefined && current.from >= generation) return await current.result
    const own = { from: Math.max(generation, cached?.generation ?? 0), result: refresh(key, {}) }
    refreshes.set(key, own)
    try {
      return await own.result
    } finally {
      if (refreshes.get(key) === own) refreshes.delete(key)
    }
  }

  return [
    {
      method: 'GET',
      path: '/v1/keys',
      name: 'keys',
      auth: 'bearer',
      async handle({ client, response }) {
        const statuses = await values.statuses()
        // Clients are not told the folder on the server.
        const shown = statuses.filter(({ key }) => client!.mayRead(key)).map(({ dir, ...status }) => status)
        sendJson(response, { keys: shown })
      },
    },
    {
      method: 'GET',
      path: '/v1/keys/:key',
      name: 'key',
      auth: 'bearer',
      async handle(context) {
        const key = readableKey(context)
        const { since, waitS } = context.rawQuery === '' ? NO_POLL : pollParametersOf(context)
        const mayWait = since !== undefined || context.request.headers['cache-control'] !== 'only-if-cached'
        const value = values.refreshed(key) ?? (mayWait ? await resolve(key) : await cachedOnly(key))
        if (since === undefined || since !== value.generation) return sendValue(context, value)
        if (waitS === 0) return sendValue(context, value, true)
        const outcome = await awaitPoll(context, polls, key, since, grantedWaitMs(waitS))
        if (outcome instanceof Error) throw outcome
        sendValue(context, outcome ?? value, outcome === undefined)
      },
    },
    {
      method: 'POST',
      path: '/v1/keys/:key/refresh',
      name: 'refresh',
      auth: 'bearer',
      async handle(context) {
        const key = readableKey(context)
        if (!context.client!.mayRefresh) throw forbidden()
        const body = await readObject(context.request, maxBodyBytes, ['rejected', 'after', 'force'])
        const { after, ...options } = checkRefresh(body)
        await assertExists(key)
        const isPlain = options.rejected === undefined && options.force !== true
        const value = isPlain && after !== undefined ? await newerThan(key, after) : await refresh(key, options)
        sendValue(context, value)
      },
    },
  ]
}

interface RefreshRequest {
  /** The value that the upstream rejected. */
  rejected?: unknown
  /** The generation that the client knows. */
  after?: number
  force?: boolean
}

/** @throws Problem (400) */
function checkRefresh(body: { after?: unknown; force?: unknown; rejected?: unknown }): RefreshRequest {
  const { after, force } = body
  if (force !== undefined && typeof force !== 'boolean') {
    throw new Problem(400, 'bad_body', '"force" must be true or false')
  }
  if (after !== undefined && !(Number.isSafeInteger(after) && (after as number) >= 0)) {
    throw new Problem(400, 'bad_body', '"after" must be a generation')
  }
  return { ...body, after, force } as RefreshRequest
}

interface PollParameters {
  /** The generation that the client knows. Undefined: the request is no poll. */
  since: number | undefined
  waitS: number
}

const NO_POLL: PollParameters = { since: undefined, waitS: 0 }

/** @throws Problem (400) */
function pollParametersOf(context: RequestContext): PollParameters {
  const since = numberParameter(context, 'since', Number.MAX_SAFE_INTEGER, /^\d{1,16}$/)
  const waitS = numberParameter(context, 'wait', MAX_WAIT_S, /^\d{1,2}(\.\d{1,3})?$/)
  return { since, waitS: waitS ?? 0 }
}

function numberParameter(context: RequestContext, name: string, max: number, pattern: RegExp): number | undefined {
  const text = context.parameter(name)
  if (text === undefined) return undefined
  if (!pattern.test(text) || Number(text) > max) {
    throw new Problem(400, 'bad_query', `"${name}" must be a number from 0 to ${max}`)
  }
  return Number(text)
}

const awaitPoll = (
  context: RequestContext,
  polls: LongPolls,
  key: string,
  since: number,
  timeoutMs: number,
): Promise<PollOutcome> =>
  new Promise((resolve, reject) => {
    const cancel = polls.wait(key, since, timeoutMs, resolve)
    context.onEnd((problem) => {
      cancel()
      // Without a problem the client disconnected, and no one reads the answer.
      if (problem === undefined) resolve(undefined)
      else reject(problem)
    })
  })

function sendValue(context: RequestContext, value: SerializedValue, isUnchanged?: boolean): void {
  // The client may have been revoked during the fetch.
  const problem = context.active.reasonToEnd(context)
  if (problem?.status === 401) throw problem
  const { request, response } = context
  const headers = ['ETag', value.etag, 'Dotdog-Time', String(Date.now())]
  if (isUnchanged ?? matchesETag(request.headers['if-none-match'], value)) sendUnchanged(response, headers)
  else send(response, 200, ['Content-Type', 'application/json', ...headers], value.body, value.contentLength)
}

function matchesETag(ifNoneMatch: string | undefined, { etag }: SerializedValue): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}
