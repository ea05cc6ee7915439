/** Reads a field of anything that was thrown. A getter of it may throw in turn. */
export function fieldOf(error: unknown, name: string): unknown {
  try {
    return Object(error)[name]
  } catch {
    return undefined
  }
}
