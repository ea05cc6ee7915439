/** Damages the text of a configuration as people, editors and merges do. */

/** A pseudo-random generator (mulberry32), so that a seed gives the same mutation again. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const TOKEN = /"(?:[^"\\\n]|\\.)*"|[{}[\]:,]|\b\d+\b|\/\/.*/g
const INSERTED = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  "'",
  '\\',
  '//',
  '/*',
  '*/',
  '\n',
  '\t',
  '\u0000',
  '\ufeff',
  '\u2028',
  'null',
  '-1',
  '1e999',
  'true',
  '"x"',
  '{}',
  '[]',
  '"\\u12"',
]

export interface Mutation {
  text: string
  /** The first line that differs. */
  changedFrom: number
}

export function mutate(original: string, seed: number): Mutation {
  const random = generator(seed)
  let text = original
  for (let round = random(3); round >= 0; round--) text = mutateOnce(text, random)
  let same = 0
  while (same < text.length && text[same] === original[same]) same++
  return { text, changedFrom: text.slice(0, same).split(/\r\n|\r|\n/).length }
}

function mutateOnce(text: string, random: (below: number) => number): string {
  const tokens = [...text.matchAll(TOKEN)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    is: match[0],
  }))
  const pick = () => tokens[random(tokens.length)] ?? { start: 0, end: 0, is: '' }
  const replace = ({ start, end }: { start: number; end: number }, by: string) => text.slice(0, start) + by + text.slice(end)
  const inserted = () => INSERTED[random(INSERTED.length)]!
  const one = pick()
  switch (random(9)) {
    case 0:
      return replace(one, '')
    case 1:
      return replace(one, inserted())
    case 2:
      return replace({ start: one.start, end: one.start }, inserted())
    case 3: {
      const at = random(text.length)
      return text.slice(0, at) + inserted() + text.slice(at)
    }
    case 4:
      return text.slice(0, random(text.length))
    case 5: {
      // Two tokens change places: a secret becomes a name, a name a value.
      const [first, second] = [one, pick()].sort((a, b) => a.start - b.start) as [typeof one, typeof one]
      if (first.end > second.start) return replace(one, '')
      return text.slice(0, first.start) + second.is + text.slice(first.end, second.start) + first.is + text.slice(second.end)
    }
    case 6: {
      // A letter of a name is wrong.
      const at = one.start + random(Math.max(1, one.end - one.start))
      return text.slice(0, at) + 'qzX_0'[random(5)] + text.slice(at + 1)
    }
    case 7: {
      const from = random(text.length)
      return text.slice(0, from) + text.slice(from + random(80))
    }
    default: {
      const lines = text.split('\n')
      lines.splice(random(lines.length), 0, lines[random(lines.length)]!)
      return lines.join(random(4) === 0 ? '\r\n' : '\n')
    }
  }
}
