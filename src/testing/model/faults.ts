/**
 * The faults that a test ordered: which request of an endpoint fails, and how. The server applies
 * the faults that concern the connection.
 */
import { misuse } from '../../core/shared/validate.js'

/**
 * The endpoints that are counted and can fail. `call` stands for every business call, `quota` for
 * the paths about quotas and request ids. `component` and `authorizer` are the tokens of a
 * third-party platform and of the accounts that it acts for.
 */
export type Endpoint = 'token' | 'stable' | 'ticket' | 'call' | 'quota' | 'component' | 'authorizer'

/**
 * How a request fails. A number is an errcode: it is the response, and nothing else happens.
 *
 * - `html`: the response is status 502 with the HTML page of a gateway;
 * - `truncated`: the response is the first half of the JSON;
 * - `drop`: the connection is cut and nothing happens;
 * - `drop-after-rotation`: the request is processed (a token is rotated), then the connection is cut;
 * - `slow`: the request is processed, and the response comes after `slow` milliseconds;
 * - `empty-412`: the response is status 412 without a body;
 * - `text/plain`: the response is good, but has this content type.
 */
export type Fault = number | 'html' | 'truncated' | 'drop' | 'drop-after-rotation' | 'slow' | 'empty-412' | 'text/plain'

const WIRE_FAULTS: readonly unknown[] = ['html', 'truncated', 'drop', 'drop-after-rotation', 'slow', 'empty-412', 'text/plain']

const ENDPOINTS: readonly Endpoint[] = ['token', 'stable', 'ticket', 'call', 'quota', 'component', 'authorizer']

export interface FaultQueue {
  /** Takes the fault that applies to the next request of the endpoint. */
  next(endpoint: Endpoint): Fault | undefined
  /**
   * Orders a fault for the next `times` requests, after those that were ordered earlier.
   *
   * @throws TypeError for an unknown endpoint or fault, or `times` that is not over 0.
   */
  add(endpoint: Endpoint, fault: Fault, times: number): void
  /** Removes the faults of one endpoint, or all. */
  clear(endpoint?: Endpoint): void
}

export function createFaultQueue(): FaultQueue {
  const queues = new Map<Endpoint, { fault: Fault; remaining: number }[]>()
  return {
    next(endpoint) {
      const queue = queues.get(endpoint)
      const first = queue?.[0]
      if (!first) return undefined
      first.remaining -= 1
      if (first.remaining <= 0) queue.shift()
      return first.fault
    },
    add(endpoint, fault, times) {
      if (!ENDPOINTS.includes(endpoint)) throw misuse('endpoint', `must be one of ${ENDPOINTS.join(', ')}`, endpoint)
      if (!(Number.isInteger(fault) && fault !== 0) && !WIRE_FAULTS.includes(fault)) {
        throw misuse('fault', `must be an errcode or one of ${WIRE_FAULTS.join(', ')}`, fault)
      }
      if (!(times > 0)) throw misuse('times', 'must be a number over 0', times)
      queues.set(endpoint, [...(queues.get(endpoint) ?? []), { fault, remaining: times }])
    },
    clear(endpoint) {
      if (endpoint === undefined) queues.clear()
      else queues.delete(endpoint)
    },
  }
}
