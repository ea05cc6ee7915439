import { DogError } from '../model/errors.js'

/**
 * Which key's fetch waits for which other key, in one dog of one process. A wait that would close a
 * circle is refused, because it would end only by the time-outs. Does not know why a fetch waits.
 */
export class WaitGraph {
  readonly #edges = new Map<string, string[]>()

  /**
   * Records that the fetch of `from` waits for `to`. Returns the function that ends the wait.
   *
   * @throws DogError `ERR_DOG_CYCLE`.
   */
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

  #path(from: string, to: string, visited = new Set<string>()): string[] | undefined {
    if (from === to) return [from]
    if (visited.has(from)) return undefined
    visited.add(from)
    for (const next of this.#edges.get(from) ?? []) {
      const rest = this.#path(next, to, visited)
      if (rest !== undefined) return [from, ...rest]
    }
    return undefined
  }
}
