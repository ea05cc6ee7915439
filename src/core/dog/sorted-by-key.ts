import type { KeyStatus } from '../../../index.js'

/** A list of this length is sorted in a few milliseconds. */
const MAX_SORTED_AT_ONCE = 4000

/** Sorts by key, piece by piece. `turn` is awaited between the pieces. */
export async function sortedByKey(all: KeyStatus[], turn: () => Promise<void> | undefined): Promise<KeyStatus[]> {
  let runs: KeyStatus[][] = []
  for (let from = 0; from < all.length; from += MAX_SORTED_AT_ONCE) {
    runs.push(all.slice(from, from + MAX_SORTED_AT_ONCE).sort((a, b) => (a.key < b.key ? -1 : 1)))
    await turn()
  }
  while (runs.length > 1) {
    const merged: KeyStatus[][] = []
    for (let at = 0; at < runs.length; at += 2) merged.push(await merge(runs[at]!, runs[at + 1] ?? [], turn))
    runs = merged
  }
  return runs[0] ?? []
}

async function merge(a: KeyStatus[], b: KeyStatus[], turn: () => Promise<void> | undefined): Promise<KeyStatus[]> {
  const merged: KeyStatus[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (j === b.length || (i < a.length && a[i]!.key < b[j]!.key)) merged.push(a[i++]!)
    else merged.push(b[j++]!)
    if (merged.length % MAX_SORTED_AT_ONCE === 0) await turn()
  }
  return merged
}
