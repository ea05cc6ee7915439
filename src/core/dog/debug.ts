/** Prints what happens to a key, as guard_dog does, but on standard error: scripts print values on standard output. */
export function printDebug(key: string | undefined, text: string): void {
  process.stderr.write(`\x1b[36mdotdog: ${key === undefined ? '' : `[${key}] `}${text}\x1b[0m\n`)
}
