// The fake's own calls over HTTP, for programs in other languages: POST /_fake/<name> with the arguments as a JSON list, and
// GET /_fake for the counters and the log. It deliberately knows nothing of the platform.
import type { LogEntry } from './model/request-log.js'

/** What can be called, by name. */
const CALLS = [
  ...(['advance', 'killToken', 'killTicket', 'foreignToken', 'acceptsTicket', 'currentToken', 'fail', 'heal'] as const),
  ...(['setWhitelist', 'setStanding', 'setRisk', 'confirm', 'reject'] as const),
]

type Call = (...args: never[]) => unknown

/** The fake, as far as it is known here. */
export type Controlled = Readonly<Record<(typeof CALLS)[number], Call>> & {
  readonly count: object
  readonly log: readonly Readonly<LogEntry>[]
  now(): number
}

export interface ControlReply {
  status: number
  type: string
  text: string
}

const reply = (status: number, body: object): ControlReply => ({
  status,
  type: 'application/json',
  text: JSON.stringify(body),
})

/** JSON has no `undefined`; what is left out by `null` is left out. */
function argumentsOf(body: string): unknown[] {
  const list: unknown = body === '' ? [] : JSON.parse(body)
  if (!Array.isArray(list)) throw new TypeError('the body must be a JSON list of arguments')
  return list.map((value) => value ?? undefined)
}

/** Answers `undefined` to a path that is not the fake's own. */
export function createControl(fake: Controlled) {
  return (method: string, path: string, body: string): ControlReply | undefined => {
    if (path === '/_fake' && method === 'GET') return reply(200, { count: fake.count, now: fake.now(), log: fake.log })
    if (!/^\/_fake(\/|$)/.test(path)) return undefined
    const call = CALLS.find((name) => path === `/_fake/${name}`)
    if (!call || method !== 'POST') return reply(404, { error: `POST /_fake/<name>, with a name of ${CALLS.join(', ')}` })
    try {
      const result: unknown = fake[call](...(argumentsOf(body) as never[]))
      return reply(200, { result: result ?? null })
    } catch (error) {
      return reply(400, { error: (error as Error).message })
    }
  }
}
