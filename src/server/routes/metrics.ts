import type { KeyStatus } from 'dotdog'
import type { AuthFailureReason } from '../auth/authenticator.js'
import type { ServerRoute } from '../http/request-context.js'
import { send } from '../http/respond.js'
import type { EventHub } from './event-hub.js'
import { FetchCounters } from './fetch-counters.js'
import { Counter, formatMetric, Histogram, type Sample } from './prometheus.js'
import type { ValueCache } from './value-cache.js'

const KEY_STATES: KeyStatus['state'][] = ['fresh', 'due', 'expired', 'missing', 'unreadable']
const AUTH_FAILURE_REASONS: AuthFailureReason[] = ['missing', 'malformed', 'unknown', 'expired']
/** More keys are left out, so that an answer stays small enough for Prometheus. */
const MAX_KEYS = 1000

/** `GET /metrics`: numbers for Prometheus. A client sees only the keys that it may read. */
export class Metrics {
  readonly fetches: FetchCounters
  readonly #durations = new Histogram()
  readonly #requests = new Counter()
  readonly #authFailures = new Counter()

  constructor(hub: EventHub) {
    this.fetches = new FetchCounters(hub)
    for (const reason of AUTH_FAILURE_REASONS) this.#authFailures.add(reason, () => ({ reason }), 0)
    hub.subscribe(({ event, payload }) => {
      if (event === 'refresh') this.#durations.observe(payload.durationMs / 1000)
    })
  }

  countRequest(route: string, method: string, code: number): void {
    this.#requests.add(`${route} ${method} ${code}`, () => ({ route, method, code: String(code) }))
  }

  countAuthFailure(reason: AuthFailureReason): void {
    this.#authFailures.add(reason, () => ({ reason }))
  }

  route(values: ValueCache, gauges: () => { polls: number; streams: number }): ServerRoute {
    return {
      method: 'GET',
      path: '/metrics',
      name: 'metrics',
      auth: 'bearer',
      handle: async ({ client, response }) => {
        const statuses = await values.statuses()
        for (const status of statuses) this.fetches.recordStatus(status)
        const shown = statuses.filter(({ key }) => client!.mayRead(key)).slice(0, MAX_KEYS)
        const text = this.#keyMetrics(shown) + this.#serverMetrics(gauges())
        send(response, 200, ['Content-Type', 'text/plain; version=0.0.4; charset=utf-8'], text)
      },
    }
  }

  #keyMetrics(statuses: KeyStatus[]): string {
    const each = function* (pick: (status: KeyStatus) => number | undefined): Iterable<Sample> {
      for (const status of statuses) {
        const value = pick(status)
        if (value !== undefined) yield { labels: { key: status.key }, value }
      }
    }
    const states = statuses.flatMap(({ key, state }) =>
      KEY_STATES.map((one) => ({ labels: { key, state: one }, value: one === state ? 1 : 0 })),
    )
    const keys = statuses.map(({ key }) => key)
    const seconds = (time: number | undefined) => (time === undefined ? undefined : time / 1000)
    return [
      formatMetric(
        'dotdog_key_expiration_timestamp_seconds',
        'gauge',
        'When the value expires.',
        each((one) => seconds(one.expiresAt)),
      ),
      formatMetric(
        'dotdog_key_refresh_timestamp_seconds',
        'gauge',
        'When the value is due for a refresh.',
        each((one) => seconds(one.dueAt)),
      ),
      formatMetric(
        'dotdog_key_fetched_timestamp_seconds',
        'gauge',
        'When the fetch of the value began.',
        each((one) => seconds(one.fetchedAt)),
      ),
      formatMetric('dotdog_key_status', 'gauge', '1 for the state that the value is in.', states),
      formatMetric('dotdog_fetches_total', 'counter', 'Fetches seen by this process.', this.fetches.samples(keys)),
      formatMetric(
        'dotdog_quota_used',
        'gauge',
        'Fetches in the current quota window, over all processes.',
        each((one) => one.fetches),
      ),
      formatMetric(
        'dotdog_quota_limit',
        'gauge',
        'Fetches that a quota window allows.',
        each((one) => one.quota),
      ),
    ].join('')
  }

  #serverMetrics({ polls, streams }: { polls: number; streams: number }): string {
    const { version } = require('dotdog/package.json') as { version: string }
    return [
      formatMetric('dotdog_fetch_duration_seconds', 'histogram', 'Time from the lease to the commit.', this.#durations.samples),
      formatMetric('dotdog_http_requests_total', 'counter', 'Requests answered.', this.#requests.samples),
      formatMetric('dotdog_auth_failures_total', 'counter', 'Requests without a valid token.', this.#authFailures.samples),
      formatMetric('dotdog_open_polls', 'gauge', 'Long polls that are open now.', [{ value: polls }]),
      formatMetric('dotdog_open_streams', 'gauge', 'Event streams that are open now.', [{ value: streams }]),
      formatMetric('dotdog_build_info', 'gauge', 'The version.', [{ labels: { version }, value: 1 }]),
    ].join('')
  }
}
