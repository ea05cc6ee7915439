/**
 * The fake's methods over HTTP, for programs in other languages. `POST /_fake/<name>` calls a method
 * with the JSON list of arguments in the body. `GET /_fake` returns the counters and the log. This
 * file knows nothing of the platform.
 */
import type { LogEntry } from './model/request-log.js'

/** The methods that can be called. */
const COMMANDS = [
  'advance',
  'killToken',
  'killTicket',
  'foreignToken',
  'acceptsTicket',
  'currentToken',
  'fail',
  'heal',
  'setWhitelist',
  'setStanding',
  'setRisk',
  'confirm',
  'reject',
] as const

/** The members of the fake that are used here. */
export type ControllableFake = Readonly<Record<(typeof COMMANDS)[number], (...args: never[]) => unknown>> & {
  readonly count: object
  readonly log: readonly Readonly<LogEntry>[]
  now(): number
}

/** A response as it is sent. `type` is the content type. */
export interface HttpReply {
  status: number
  type: string
  text: string | Buffer
}

const jsonReply = (status: number, body: object): HttpReply => ({
  status,
  type: 'application/json',
  text: JSON.stringify(body),
})

/** JSON has no `undefined`, so that `null` stands for an argument that is left out. */
function parseArguments(body: string): unknown[] {
  const list: unknown = body === '' ? [] : JSON.parse(body)
  if (!Array.isArray(list)) throw new TypeError('the body must be a JSON list of arguments')
  return list.map((value) => value ?? undefined)
}

/** Returns a function that handles a request, or returns `undefined` for a path outside `/_fake`. */
export function createHttpControl(fake: ControllableFake) {
  return (method: string, path: string, body: string): HttpReply | undefined => {
    if (path === '/_fake' && method === 'GET') {
      return jsonReply(200, { count: fake.count, now: fake.now(), log: fake.log })
    }
    if (!/^\/_fake(\/|$)/.test(path)) return undefined
    const command = COMMANDS.find((name) => path === `/_fake/${name}`)
    if (!command || method !== 'POST') {
      return jsonReply(404, { error: `use POST /_fake/<name>, where <name> is one of ${COMMANDS.join(', ')}` })
    }
    try {
      const result: unknown = fake[command](...(parseArguments(body) as never[]))
      return jsonReply(200, { result: result ?? null })
    } catch (error) {
      return jsonReply(400, { error: (error as Error).message })
    }
  }
}
