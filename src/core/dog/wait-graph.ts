import { DogError } from '../model/errors.js'

/**
 * Who waits for whom, among the keys of one dog in one process. An edge that would close a circle is refused, as the wait
 * would only end by the time-outs. Knows nothing of why they wait.
 */
export class WaitGraph {
  readonly #edges = new Map<string, string[]>()

  /** Records that the fetch of `from` waits for `to`. Returns the end of the wait. */
  enter(from: string, to: string): () => void {
    const path = this.#path(to, from)
    if (path !== undefined) {
      const circle = [from, ...path].map((key) => `"${key}"`).join(' → ')
      throw new DogError('ERR_DOG_CYCLE', `The fetch of "${from}" waits for itself: ${circle}`, { key: from })
    }
    const waits = this.#edges.get(from) ?? []
    this.#edges.set(from, waits)
    waits.push(to)
    return () => {
      waits.splice(waits.indexOf(to), 1)
      if (waits.length === 0 && this.#edges.get(from) === waits) this.#edges.delete(from)
    }
  }

  #path(from: string, to: string, seen = new Set<string>()): string[] | undefined {
    if (from === to) return [from]
    if (seen.has(from)) return undefined
    seen.add(from)
    for (const next of this.#edges.get(from) ?? []) {
      const rest = this.#path(next, to, seen)
      if (rest !== undefined) return [from, ...rest]
    }
    return undefined
  }
}
