import t from 'tap'
import { WaitGraph } from '../../../../src/core/dog/wait-graph.js'

const refusal = (graph: WaitGraph, from: string, to: string): string | undefined => {
  try {
    graph.enter(from, to)
    return undefined
  } catch (error) {
    return `${(error as { code?: string }).code} ${(error as Error).message}`
  }
}

t.test('a key that waits for itself is refused, and named', async (t) => {
  t.match(refusal(new WaitGraph(), 'A', 'A'), /^ERR_DOG_CYCLE .*"A".*"A" → "A"$/)
})

t.test('an edge that closes a circle is refused, with the whole circle in the message', async (t) => {
  const graph = new WaitGraph()
  graph.enter('A', 'B')
  graph.enter('B', 'C')
  graph.enter('C', 'D')
  t.match(refusal(graph, 'D', 'A'), /"D" → "A" → "B" → "C" → "D"$/)
  t.match(refusal(graph, 'C', 'B'), /"C" → "B" → "C"$/)
})

t.test('a refused edge is not recorded', async (t) => {
  const graph = new WaitGraph()
  const leave = graph.enter('A', 'B')
  t.match(refusal(graph, 'B', 'A'), /ERR_DOG_CYCLE/)
  leave()
  t.equal(refusal(graph, 'B', 'A'), undefined)
})

t.test('two ways to one key are no circle', async (t) => {
  const graph = new WaitGraph()
  for (const [from, to] of [
    ['A', 'B'],
    ['A', 'C'],
    ['B', 'D'],
    ['C', 'D'],
    ['A', 'D'],
  ] as const)
    graph.enter(from, to)
  t.equal(refusal(graph, 'E', 'A'), undefined)
  t.match(refusal(graph, 'D', 'A'), /ERR_DOG_CYCLE/)
})

t.test('the end of a wait ends its own edge only, in whatever order', async (t) => {
  const graph = new WaitGraph()
  const first = graph.enter('A', 'B')
  const second = graph.enter('A', 'B')
  const other = graph.enter('A', 'C')
  first()
  t.match(refusal(graph, 'B', 'A'), /ERR_DOG_CYCLE/, 'the second wait is still on')
  second()
  t.match(refusal(graph, 'C', 'A'), /ERR_DOG_CYCLE/)
  other()
  const next = graph.enter('A', 'B')
  t.match(refusal(graph, 'B', 'A'), /ERR_DOG_CYCLE/)
  next()
  t.equal(refusal(graph, 'B', 'A'), undefined)
})

t.test('a graph of many waits is searched in time', async (t) => {
  const graph = new WaitGraph()
  // Two edges from each of 25 layers: 2^25 paths, 50 keys.
  for (let i = 0; i < 25; i++) for (const a of [0, 1]) for (const b of [0, 1]) graph.enter(`${i}.${a}`, `${i + 1}.${b}`)
  const begun = performance.now()
  t.equal(refusal(graph, 'X', '0.0'), undefined)
  t.ok(performance.now() - begun < 1000)
})
