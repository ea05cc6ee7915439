/** The text format of Prometheus, version 0.0.4. */

export type Labels = Record<string, string>

export interface Sample {
  labels?: Labels
  value: number
  /** Only of a histogram: `_bucket`, `_sum` or `_count`. */
  suffix?: string
}

const escapeLabel = (text: string): string =>
  text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

const numberText = (value: number): string => (value === Number.POSITIVE_INFINITY ? '+Inf' : String(value))

/** Formats one metric with its samples. */
export function formatMetric(
  name: string,
  type: 'counter' | 'gauge' | 'histogram',
  help: string,
  samples: Iterable<Sample>,
): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
  for (const { labels = {}, value, suffix = '' } of samples) {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`)
    lines.push(`${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberText(value)}`)
  }
  return `${lines.join('\n')}\n`
}

/**
 * Counts each combination of labels. No part of a request may become a label: the number of
 * combinations must stay small.
 */
export class Counter {
  readonly #counts = new Map<string, { labels: Labels; value: number }>()

  /** @param id identifies the labels, which are created only at the first call */
  add(id: string, labelsOf: () => Labels, value = 1): void {
    const counted = this.#counts.get(id)
    if (counted === undefined) this.#counts.set(id, { labels: labelsOf(), value })
    else counted.value += value
  }

  get samples(): Iterable<Sample> {
    return this.#counts.values()
  }
}

const BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** A histogram of durations, in seconds. */
export class Histogram {
  readonly #counts = new Array<number>(BUCKETS_S.length).fill(0)
  #sum = 0
  #count = 0

  observe(value: number): void {
    this.#sum += value
    this.#count++
    for (const [index, bound] of BUCKETS_S.entries()) if (value <= bound) this.#counts[index]!++
  }

  get samples(): Sample[] {
    const buckets = BUCKETS_S.map((bound, index) => ({
      suffix: '_bucket',
      labels: { le: String(bound) },
      value: this.#counts[index]!,
    }))
    const all = { suffix: '_bucket', labels: { le: '+Inf' }, value: this.#count }
    return [...buckets, all, { suffix: '_sum', value: this.#sum }, { suffix: '_count', value: this.#count }]
  }
}
