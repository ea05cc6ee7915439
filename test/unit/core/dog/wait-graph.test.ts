import t from 'tap'
import { WaitGraph } from '../../../../src/core/dog/wait-graph.js'

const errorOf = (graph: WaitGraph, from: string, to: string): string | undefined => {
  try {
    graph.enter(from, to)
    return undefined
  } catch (error) {
    return `${(error as { code?: string }).code} ${(error as Error).message}`
  }
}

t.test('A key that waits for itself is refused, and the error names it', async (t) => {
  t.match(errorOf(new WaitGraph(), 'A', 'A'), /^ERR_DOG_CYCLE .*"A".*"A" → "A"$/)
})

t.test('An edge that closes a cycle is refused, and the error names the whole cycle', async (t) => {
  const graph = new WaitGraph()
  graph.enter('A', 'B')
  graph.enter('B', 'C')
  graph.enter('C', 'D')
  t.match(errorOf(graph, 'D', 'A'), /"D" → "A" → "B" → "C" → "D"$/)
  t.match(errorOf(graph, 'C', 'B'), /"C" → "B" → "C"$/)
})

t.test('A refused edge is not recorded', async (t) => {
  const graph = new WaitGraph()
  const leave = graph.enter('A', 'B')
  t.match(errorOf(graph, 'B', 'A'), /ERR_DOG_CYCLE/)
  leave()
  t.equal(errorOf(graph, 'B', 'A'), undefined)
})

t.test('Two paths to one key are no cycle', async (t) => {
  const graph = new WaitGraph()
  for (const [from, to] of [
    ['A', 'B'],
    ['A', 'C'],
    ['B', 'D'],
    ['C', 'D'],
    ['A', 'D'],
  ] as const)
    graph.enter(from, to)
  t.equal(errorOf(graph, 'E', 'A'), undefined)
  t.match(errorOf(graph, 'D', 'A'), /ERR_DOG_CYCLE/)
})

t.test('The end of a wait removes its own edge only, in any order', async (t) => {
  const graph = new WaitGraph()
  const first = graph.enter('A', 'B')
  const second = graph.enter('A', 'B')
  const other = graph.enter('A', 'C')
  first()
  t.match(errorOf(graph, 'B', 'A'), /ERR_DOG_CYCLE/, 'the second wait is not over')
  second()
  t.match(errorOf(graph, 'C', 'A'), /ERR_DOG_CYCLE/)
  other()
  const next = graph.enter('A', 'B')
  t.match(errorOf(graph, 'B', 'A'), /ERR_DOG_CYCLE/)
  next()
  t.equal(errorOf(graph, 'B', 'A'), undefined)
})

t.test('A graph with 2^25 paths is searched in less than a second', async (t) => {
  const graph = new WaitGraph()
  // Each of 25 layers of two keys has edges to both keys of the next: 2^25 paths over 50 keys.
  for (let i = 0; i < 25; i++) for (const a of [0, 1]) for (const b of [0, 1]) graph.enter(`${i}.${a}`, `${i + 1}.${b}`)
  const begun = performance.now()
  t.equal(errorOf(graph, 'X', '0.0'), undefined)
  t.ok(performance.now() - begun < 1000)
})
