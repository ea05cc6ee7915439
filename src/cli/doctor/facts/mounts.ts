import type { MountFact } from './facts.js'

/** The mount that a path is in, from the text of /proc/self/mountinfo. Later lines lie above earlier ones. */
export function parseMounts(text: string, path: string): MountFact | undefined {
  let best: MountFact | undefined
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , , escaped, options = ''] = before.split(' ')
    const [type, , superOptions = ''] = after.split(' ')
    if (escaped === undefined || type === undefined) continue
    const point = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    const isAbove = path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`)
    if (!isAbove || (best !== undefined && point.length < best.point.length)) continue
    const isReadOnly = [options, superOptions].some((all) => all.split(',').includes('ro'))
    best = { type, point, isReadOnly }
  }
  return best
}
