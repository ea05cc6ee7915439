import type { KeyStatus } from 'dotdog'
import { send } from '../http/respond.js'
import type { Route } from '../http/route.js'
import type { Hub } from './event-hub.js'
import { Fetches } from './fetch-counters.js'
import { Counter, family, Histogram, type Sample } from './prometheus.js'
import type { Values } from './value-cache.js'

/** `GET /metrics`: numbers for Prometheus. A client sees the keys that it may read. */

const STATES: KeyStatus['state'][] = ['fresh', 'due', 'expired', 'missing', 'unreadable']
const AUTH_FAILURES = ['missing', 'malformed', 'unknown', 'expired'] as const
/** More keys than that are left out: who watches them all must not be drowned. */
const KEYS = 1000

export class Metrics {
  readonly fetches: Fetches
  readonly #durations = new Histogram()
  readonly #requests = new Counter()
  readonly #authFailures = new Counter()

  constructor(hub: Hub) {
    this.fetches = new Fetches(hub)
    for (const reason of AUTH_FAILURES) this.#authFailures.add(reason, () => ({ reason }), 0)
    hub.hear(({ event, payload }) => {
      if (event === 'refresh') this.#durations.add(payload.durationMs / 1000)
    })
  }

  requested(route: string, method: string, code: number): void {
    this.#requests.add(`${route} ${method} ${code}`, () => ({ route, method, code: String(code) }))
  }

  refused(reason: (typeof AUTH_FAILURES)[number]): void {
    this.#authFailures.add(reason, () => ({ reason }))
  }

  route(values: Values, gauges: () => { polls: number; streams: number }): Route {
    return {
      ...{ method: 'GET', path: '/metrics', name: 'metrics', auth: 'bearer' },
      handle: async ({ client, response }) => {
        const all = await values.statuses()
        for (const status of all) this.fetches.look(status)
        const shown = all.filter(({ key }) => client!.mayRead(key)).slice(0, KEYS)
        const text = this.#ofKeys(shown) + this.#ofServer(gauges())
        send(response, 200, ['Content-Type', 'text/plain; version=0.0.4; charset=utf-8'], text)
      },
    }
  }

  #ofKeys(statuses: KeyStatus[]): string {
    const each = function* (pick: (status: KeyStatus) => number | undefined): Iterable<Sample> {
      for (const status of statuses) {
        const value = pick(status)
        if (value !== undefined) yield { labels: { key: status.key }, value }
      }
    }
    const states = statuses.flatMap(({ key, state }) =>
      STATES.map((one) => ({ labels: { key, state: one }, value: one === state ? 1 : 0 })),
    )
    const keys = statuses.map(({ key }) => key)
    const seconds = (time: number | undefined) => (time === undefined ? undefined : time / 1000)
    return [
      family(
        'dotdog_key_expiration_timestamp_seconds',
        'gauge',
        'When the value ends.',
        each((one) => seconds(one.expiresAt)),
      ),
      family(
        'dotdog_key_refresh_timestamp_seconds',
        'gauge',
        'When the value is due for a refresh.',
        each((one) => seconds(one.dueAt)),
      ),
      family(
        'dotdog_key_fetched_timestamp_seconds',
        'gauge',
        'When its fetch began.',
        each((one) => seconds(one.fetchedAt)),
      ),
      family('dotdog_key_status', 'gauge', 'Which state the value is in.', states),
      family('dotdog_fetches_total', 'counter', 'Fetches seen by this process.', this.fetches.samples(keys)),
      family(
        'dotdog_quota_used',
        'gauge',
        'Fetches in the current window, over all processes.',
        each((one) => one.fetches),
      ),
      family(
        'dotdog_quota_limit',
        'gauge',
        'Fetches that a window allows.',
        each((one) => one.quota),
      ),
    ].join('')
  }

  #ofServer({ polls, streams }: { polls: number; streams: number }): string {
    const { version } = require('dotdog/package.json') as { version: string }
    return [
      family('dotdog_fetch_duration_seconds', 'histogram', 'From lease to commit.', this.#durations.samples),
      family('dotdog_http_requests_total', 'counter', 'Requests answered.', this.#requests.samples),
      family('dotdog_auth_failures_total', 'counter', 'Requests without a valid token.', this.#authFailures.samples),
      family('dotdog_open_polls', 'gauge', 'Long polls that wait now.', [{ value: polls }]),
      family('dotdog_open_streams', 'gauge', 'Event streams that are open now.', [{ value: streams }]),
      family('dotdog_build_info', 'gauge', 'The version.', [{ labels: { version }, value: 1 }]),
    ].join('')
  }
}
