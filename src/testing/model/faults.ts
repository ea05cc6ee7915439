// Faults on order: which request of an endpoint goes wrong, and how. What they do to the wire is the server's matter.

/** The endpoints that are counted and can fail. `call` is every business call, `quota` the paths about quotas and request ids. */
export type Endpoint = 'token' | 'stable' | 'ticket' | 'call' | 'quota'

/**
 * What goes wrong. A number is an errcode, answered instead of doing anything. The others:
 * - `html`: status 502 with a gateway's page;
 * - `truncated`: half of the JSON;
 * - `drop`: the connection is cut before anything is done;
 * - `drop-after-rotation`: the work is done (a token is rotated), and then the connection is cut;
 * - `slow`: the work is done, and the answer comes after `slow` milliseconds;
 * - `empty-412`: status 412 and no body;
 * - `text/plain`: a good answer with that content type.
 */
export type Fault = number | 'html' | 'truncated' | 'drop' | 'drop-after-rotation' | 'slow' | 'empty-412' | 'text/plain'

const wireFaults: readonly unknown[] = 'html truncated drop drop-after-rotation slow empty-412 text/plain'.split(' ')

const endpoints: readonly Endpoint[] = ['token', 'stable', 'ticket', 'call', 'quota']

export interface Faults {
  /** The fault of the next request, which is thereby used up once. */
  next(endpoint: Endpoint): Fault | undefined
  order(endpoint: Endpoint, fault: Fault, times: number): void
  clear(endpoint?: Endpoint): void
}

export function createFaults(): Faults {
  const ordered = new Map<Endpoint, { fault: Fault; left: number }[]>()
  return {
    next(endpoint) {
      const queue = ordered.get(endpoint)
      const first = queue?.[0]
      if (!first) return undefined
      first.left -= 1
      if (first.left <= 0) queue.shift()
      return first.fault
    },
    order(endpoint, fault, times) {
      if (!endpoints.includes(endpoint)) throw new TypeError(`endpoint must be one of ${endpoints.join(', ')}; got ${endpoint}`)
      if (!(Number.isInteger(fault) && fault !== 0) && !wireFaults.includes(fault)) {
        throw new TypeError(`fault must be an errcode or one of ${wireFaults.join(', ')}; got ${fault} (${typeof fault})`)
      }
      if (!(times > 0)) throw new TypeError(`times must be a number over 0; got ${times} (${typeof times})`)
      ordered.set(endpoint, [...(ordered.get(endpoint) ?? []), { fault, left: times }])
    },
    clear(endpoint) {
      if (endpoint === undefined) ordered.clear()
      else ordered.delete(endpoint)
    },
  }
}
