/**
 * A request that the platform refuses. Any check throws it, and `platform.respond` alone catches it
 * and turns it into a response with its errcode.
 */
export class ErrcodeRefusal {
  constructor(readonly errcode: number) {}
}

/** @throws ErrcodeRefusal always. */
export function refuse(errcode: number): never {
  throw new ErrcodeRefusal(errcode)
}

/**
 * Parses a request body that must be a JSON object.
 *
 * @param errcode the refusal of anything else; default 47001
 * @throws ErrcodeRefusal for a body that is not a JSON object.
 */
export function parseJsonObject(body: string, errcode = 47001): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return refuse(errcode)
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : refuse(errcode)
}

/** A field that must be a string. Any other value, and the empty string, counts as missing. */
export const nonEmptyText = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined
