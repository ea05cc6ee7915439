import { monotonic } from '../core/shared/clock.js'

/** Keys among which one call looks for those that were removed. */
const KEYS_PER_PAGE = 100
const INTERVAL_MS = 1000
/** After a deletion that failed, as it does for a user without the right to delete rows. */
const RETRY_MS = 60_000

/** The keys that were looked at: how many, and the last of them. */
export interface Page {
  keys: number
  last: string
}

/** Deletes the rows of removed keys among the next keys of the table, at most so many. */
export type DeletePage = (after: string, maxKeys: number) => Promise<Page>

/**
 * Goes through a table in pages and deletes the rows of removed keys whose time is over. The work of
 * one call does not grow with the table. Nobody waits for it, and nothing depends on it: a user
 * without the right to delete rows keeps them.
 */
export class RowDeletion {
  readonly #deletePage: DeletePage
  #after: string | undefined
  #nextAt = 0

  constructor(deletePage: DeletePage) {
    this.#deletePage = deletePage
  }

  /** @param near where this process begins. Processes begin at different keys, so that all rows are looked at in time. */
  run(near: string): void {
    if (monotonic() < this.#nextAt) return
    this.#nextAt = monotonic() + RETRY_MS
    this.#after ??= near
    this.#deletePage(this.#after, KEYS_PER_PAGE)
      .then(({ keys, last }) => {
        this.#nextAt = monotonic() + INTERVAL_MS
        this.#after = keys < KEYS_PER_PAGE ? '' : last
      })
      .catch(() => {})
  }
}
