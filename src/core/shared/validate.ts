/** A value as a message may show it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `${JSON.stringify(value.slice(0, 100))} (string)`
  if (typeof value === 'number') return `${value} (number)`
  if (value === null) return 'null'
  if (value === undefined) return 'undefined'
  return `a value of type ${typeof value}`
}
