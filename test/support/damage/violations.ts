import { mutate, seededRandom } from './mutate.js'

/** Runs a check on `count` damaged texts. Gives the first ten violations, each with its text. */
export function violations(
  count: number,
  seed: number,
  texts: string[],
  check: (text: string) => string | undefined,
): string[] {
  const random = seededRandom(seed)
  const found: string[] = []
  for (let i = 0; i < count && found.length < 10; i++) {
    const text = mutate(texts, random).toString()
    let violation: string | undefined
    try {
      violation = check(text)
    } catch (error) {
      violation = `threw ${error}`
    }
    if (violation !== undefined) found.push(`${violation}: ${text.slice(0, 400)}`)
  }
  return found
}
