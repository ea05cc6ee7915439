// Which refresh token the next exchange uses. A login gives a first one, the seed. With each
// exchange a rotating server gives the next one of the family, and takes the use of an older one for
// a theft. So a seed is used once, and after that what was kept of its family.
import { createHash } from 'node:crypto'

/** The value of a key: what is kept of a family. */
export interface RefreshTokenValue {
  /** The access token. */
  access: string
  /** The refresh token for the next exchange. */
  refresh: string
  /** The start of the seed's SHA-256: whether a seed is a new one. */
  seedId: string
  /** Seeds that a later one replaced, or that were refused: a process that still has one does not use it. */
  spent?: string[]
}

/** A refresh token to try, and the family it belongs to. */
export interface Candidate {
  refresh: string
  /** What is kept beside the new pair, if this one is accepted. */
  family: { seedId: string; spent?: string[] }
}

const SEED_ID_CHARS = 16
/** Enough to know each process that was not started anew since a login. */
const MAX_SPENT = 16

export const seedIdOf = (seed: string): string => createHash('sha256').update(seed).digest('hex').slice(0, SEED_ID_CHARS)

/** What was kept, or what a person put in by `set`: the refresh token alone, or an object without a seed. */
function keptOf(previous: unknown): (Partial<RefreshTokenValue> & { refresh: string }) | undefined {
  if (typeof previous === 'string' && previous !== '') return { refresh: previous }
  const { refresh, seedId, spent } = Object(previous) as Partial<RefreshTokenValue>
  if (typeof refresh !== 'string' || refresh === '') return undefined
  return {
    refresh,
    ...(typeof seedId === 'string' && { seedId }),
    ...(Array.isArray(spent) && { spent: spent.filter((id) => typeof id === 'string') }),
  }
}

/** The refresh tokens to try, the best one first. The next is tried only if the server says that the one before is dead. */
export function candidatesFor(previous: unknown, seed: string): Candidate[] {
  const id = seedIdOf(seed)
  const kept = keptOf(previous)
  if (kept === undefined) return [{ refresh: seed, family: { seedId: id } }]
  const { refresh, seedId = id, spent = [] } = kept
  if (seedId === id || spent.includes(id)) return [{ refresh, family: familyOf(seedId, spent) }]
  const later = { refresh: seed, family: familyOf(id, [...spent, seedId]) }
  if (seed === refresh) return [later]
  // The seed is of a later login. If it is a wrong one, the family that works goes on, and nobody
  // tries that seed again.
  return [later, { refresh, family: familyOf(seedId, [...spent, id]) }]
}

const familyOf = (seedId: string, spent: readonly string[]): Candidate['family'] => {
  const others = [...new Set(spent)].filter((id) => id !== seedId).slice(-MAX_SPENT)
  return { seedId, ...(others.length > 0 && { spent: others }) }
}
