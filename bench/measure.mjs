// Statistics of samples: medians, spreads, and ratios of samples that were taken side by side.

/** The value below which a share (0 to 1) of the samples lies, interpolated. */
export function quantile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const low = Math.floor(at)
  return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low)
}

/** The median and the 10–90 % range. */
export const spreadOf = (samples) => ({
  median: quantile(samples, 0.5),
  low: quantile(samples, 0.1),
  high: quantile(samples, 0.9),
})

/** The ratios of pairs of samples taken one right after the other. A slow machine slows both. */
export const ratioOf = (own, theirs) => spreadOf(own.map((value, at) => value / theirs[at]))

/** Milliseconds of the monotonic clock, which all processes of a machine share. */
export const clock = () => Number(process.hrtime.bigint()) / 1e6

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** A B C, then C B A, so that over two rounds no subject gains from its position. */
export const inTurns = (subjects, round) => (round % 2 === 0 ? subjects : [...subjects].reverse())

/**
 * One line of the result.
 *
 * @param part which part of the benchmark it is from
 * @param figure what was measured
 * @param measured a spread, or one number
 * @param options `unit` ('×' for a ratio), `target` (the maximum for the median), `against` (the name of
 *   the peer), `beside` (absolute figures, as a text), `note`
 */
export function line(part, figure, measured, { unit = '×', target, ...rest }) {
  const spread = typeof measured === 'number' ? { median: measured } : measured
  return { part, figure, ...spread, unit, target, ok: target === undefined ? undefined : spread.median <= target, ...rest }
}

/** A number with two to four significant digits, and its unit. */
export function show(value, unit = '') {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 4
  return `${value.toFixed(digits)}${unit && (unit === '×' || unit === '%' ? unit : ` ${unit}`)}`
}
