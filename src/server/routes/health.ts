import type { KeyStatus } from 'dotdog'
import type { Client } from '../http/client.js'
import { isPublic, publicMessage } from '../http/problem.js'
import type { RequestContext, ServerRoute } from '../http/request-context.js'
import { sendJson } from '../http/respond.js'
import type { ValueCache } from './value-cache.js'

/**
 * `/healthz`: the process answers, and whether a key is in trouble. `/readyz`: every key that was
 * asked for has a valid value. Everybody may ask; only a client learns which keys are meant, of
 * those that it may read.
 */

/** Probes within this time are answered from one read of the store. */
const MAX_AGE_MS = 1000
/** A store that does not answer must not make a supervisor kill a process that serves from memory. */
const MAX_READ_MS = 1000

interface HealthParts {
  values: ValueCache
  /** The client of a request that has a token or needs none. Undefined: it has no token. */
  clientOf(context: RequestContext): Client | undefined
  /** @throws Problem (503) while the server closes. */
  assertOpen(): void
}

export function healthRoutes({ values, clientOf, assertOpen }: HealthParts): ServerRoute[] {
  let lastRead: { startedAtMs: number; statuses: Promise<KeyStatus[] | undefined> } | undefined

  /** Undefined if the store does not answer in time. */
  function readStatuses(): Promise<KeyStatus[] | undefined> {
    const now = performance.now()
    if (lastRead === undefined || now - lastRead.startedAtMs >= MAX_AGE_MS) {
      const statuses = values.statuses().catch(() => undefined)
      lastRead = { startedAtMs: now, statuses }
    }
    const { statuses } = lastRead
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, MAX_READ_MS, undefined).unref()
      statuses.then((known) => {
        clearTimeout(timer)
        resolve(known)
      })
    })
  }

  const route = (path: string, name: string, handle: ServerRoute['handle']): ServerRoute => ({
    ...{ method: 'GET', path, name, auth: 'none' },
    async handle(context) {
      assertOpen()
      await handle(context)
    },
  })

  return [
    route('/healthz', 'health', async (context) => {
      const client = clientOf(context)
      const statuses = await readStatuses()
      const failing = statuses?.filter(isFailing)
      const status = failing?.length === 0 ? 'ok' : 'degraded'
      const keys = client && failing?.filter(({ key }) => client.mayRead(key)).map(describe)
      sendJson(context.response, { status, keys })
    }),
    route('/readyz', 'ready', async (context) => {
      const client = clientOf(context)
      const statuses = (await readStatuses())?.filter(({ key }) => client?.mayRead(key) ?? true)
      const lacking = statuses?.filter((status) => isFailing(status) && !isValid(status))
      const isReady = lacking?.length === 0
      const keys = client && {
        valid: statuses?.filter(isValid).map(({ key }) => key),
        lacking: lacking?.map(describe),
      }
      sendJson(context.response, { status: isReady ? 'ready' : 'not_ready', ...keys }, isReady ? 200 : 503)
    }),
  ]
}

/** A key that nobody asked for yet has no value, and is no trouble. */
const isFailing = ({ state, failure }: KeyStatus): boolean => failure !== undefined || state === 'unreadable'
const isValid = ({ state }: KeyStatus): boolean => state === 'fresh' || state === 'due'

const describe = ({ key, state, failure }: KeyStatus) => ({
  ...{ key, state, code: failure?.code, since: failure?.at, retryAt: failure?.retryAt },
  message: failure && publicMessage(failure.code, failure.message),
  // With what helps, where the upstream is known.
  details: failure && isPublic(failure.code) ? failure.details : undefined,
})
