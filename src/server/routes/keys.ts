import type { Dog } from 'dotdog'
import { forbidden } from '../auth/authenticator.js'
import { readObject } from '../http/body.js'
import { Problem } from '../http/problem.js'
import type { Visit } from '../http/request-context.js'
import { send, sendJson, sendUnchanged } from '../http/respond.js'
import type { Exchange, Route } from '../http/route.js'
import type { Outcome, Polls } from './long-polls.js'
import type { Answer, Values } from './value-cache.js'

/** The paths of the values: their statuses, one to read or to wait for, and the report that it is dead. */

/** Seconds. */
const LONGEST_WAIT = 60

interface Parts {
  dog: Dog
  values: Values
  polls: Polls
  /** Bytes of a body. */
  bodyLimit: number
}

export function keyRoutes({ dog, values, polls, bodyLimit }: Parts): Route[] {
  /** The key of the path, if this client may read it. */
  function keyOf({ params, client }: Exchange): string {
    const { key } = params
    // The same whether it exists or not.
    if (key === undefined || client === undefined || !client.mayRead(key)) throw forbidden()
    return key
  }

  /** RFC 9111: who wants only what is here is told so, and decides whether to wait. */
  async function stored(key: string): Promise<Answer> {
    await mustExist(key)
    const answer = values.ready(key)
    if (answer === undefined) throw new Problem(504, 'not_cached', 'There is no valid value right now')
    return answer
  }

  async function mustExist(key: string): Promise<void> {
    if (key.length > 120 || !(await values.has(key))) throw new Problem(404, 'unknown_key', 'There is no such key')
  }

  async function fetched(key: string): Promise<Answer> {
    await mustExist(key)
    return await values.current(key)
  }

  const refreshed = (key: string, options: { rejected?: unknown; force?: boolean }): Promise<Answer> =>
    values.current(key, () => dog.refresh<unknown>(key, options))

  /** The refreshes of {@link later} under way, with the generation that was known when each began. */
  const running = new Map<string, { from: number; answer: Promise<Answer> }>()

  /** A value of a later generation than the client knows: clients that ask at nearly the same time are answered by one fetch. */
  async function later(key: string, after: number): Promise<Answer> {
    const ready = values.ready(key)
    if (ready !== undefined && ready.generation > after) return ready
    const other = running.get(key)
    if (other !== undefined && other.from >= after) return await other.answer
    const run = { from: Math.max(after, ready?.generation ?? 0), answer: refreshed(key, {}) }
    running.set(key, run)
    try {
      return await run.answer
    } finally {
      if (running.get(key) === run) running.delete(key)
    }
  }

  return [
    {
      ...{ method: 'GET', path: '/v1/keys', name: 'keys', auth: 'bearer' },
      async handle({ client, response }) {
        const all = await values.statuses()
        // Where the files are is the server's own matter.
        const shown = all.filter(({ key }) => client!.mayRead(key)).map(({ dir, ...status }) => status)
        sendJson(response, { keys: shown })
      },
    },
    {
      ...{ method: 'GET', path: '/v1/keys/:key', name: 'key', auth: 'bearer' },
      async handle(exchange) {
        const visit = exchange as Visit
        const key = keyOf(visit)
        const { since, wait } = visit.rawQuery === '' ? {} : pollOf(visit)
        const isPatient = since !== undefined || visit.request.headers['cache-control'] !== 'only-if-cached'
        const answer = values.atHand(key) ?? (isPatient ? await fetched(key) : await stored(key))
        if (since === undefined || since !== answer.generation) return sendAnswer(visit, answer)
        if (wait === 0) return sendAnswer(visit, answer, true)
        const outcome = await waitWith(visit, polls, key, since, wait * 1000)
        if (outcome instanceof Error) throw outcome
        sendAnswer(visit, outcome ?? answer, outcome === undefined)
      },
    },
    {
      ...{ method: 'POST', path: '/v1/keys/:key/refresh', name: 'refresh', auth: 'bearer' },
      async handle(exchange) {
        const visit = exchange as Visit
        const key = keyOf(visit)
        if (!visit.client!.mayRefresh) throw forbidden()
        const { after, ...options } = reportOf(await readObject(visit.request, bodyLimit, ['rejected', 'after', 'force']))
        await mustExist(key)
        const isPlain = options.rejected === undefined && options.force !== true
        sendAnswer(visit, isPlain && after !== undefined ? await later(key, after) : await refreshed(key, options))
      },
    },
  ]
}

/** What a client wants replaced. */
function reportOf(body: { after?: unknown; force?: unknown; rejected?: unknown }): {
  rejected?: unknown
  after?: number
  force?: boolean
} {
  const { after, force } = body
  if (force !== undefined && typeof force !== 'boolean') {
    throw new Problem(400, 'bad_body', '"force" must be true or false')
  }
  if (after !== undefined && !(Number.isSafeInteger(after) && (after as number) >= 0)) {
    throw new Problem(400, 'bad_body', '"after" must be a generation')
  }
  return { ...body, after, force } as { rejected?: unknown; after?: number; force?: boolean }
}

/** What a long poll asks for. */
function pollOf(
  visit: Visit,
): { since?: number | undefined; wait?: number | undefined } & ({ since?: undefined } | { since: number; wait: number }) {
  const since = numberOf(visit, 'since', Number.MAX_SAFE_INTEGER, /^\d{1,16}$/)
  const wait = numberOf(visit, 'wait', LONGEST_WAIT, /^\d{1,2}(\.\d{1,3})?$/)
  return since === undefined ? {} : { since, wait: wait ?? 0 }
}

function numberOf(visit: Visit, name: string, largest: number, pattern: RegExp): number | undefined {
  const text = visit.parameter(name)
  if (text === undefined) return undefined
  if (!pattern.test(text) || Number(text) > largest) {
    throw new Problem(400, 'bad_query', `"${name}" must be a number from 0 to ${largest}`)
  }
  return Number(text)
}

const waitWith = (visit: Visit, polls: Polls, key: string, since: number, ms: number): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const leave = polls.wait(key, since, ms, resolve)
    visit.onEnd((problem) => {
      leave()
      // Without a problem the client is gone, and nobody reads what is answered.
      if (problem === undefined) resolve(undefined)
      else reject(problem)
    })
  })

function sendAnswer(visit: Visit, answer: Answer, isUnchanged?: boolean): void {
  // It may have taken a fetch: time enough to revoke a client.
  const refusal = visit.lobby.verdict(visit)
  if (refusal?.status === 401) throw refusal
  const { request, response } = visit
  const headers = ['ETag', answer.etag, 'Dotdog-Time', String(Date.now())]
  if (isUnchanged ?? matches(request.headers['if-none-match'], answer)) sendUnchanged(response, headers)
  else send(response, 200, ['Content-Type', 'application/json', ...headers], answer.body, answer.size)
}

function matches(header: string | undefined, { etag }: Answer): boolean {
  if (header === undefined) return false
  if (header === etag || header.trim() === '*') return true
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}
