import { ExitError } from '../lib/exit-error.js'
import { fieldOf, textOf } from '../lib/value-text.js'
import { isNever } from '../terminal/times.js'

/**
 * The template of a rendered file: text with `{{ key "API" }}`, `{{ key "API" "field" }}` and
 * `{{ expires "API" }}` in it. `{{ "{{" }}` is two braces.
 */

export interface RenderedValue {
  value: unknown
  /** Epoch milliseconds. */
  expiresAt: number
}

type Part = string | { name: 'key' | 'expires'; key: string; field: string | undefined }

const ACTION = /\{\{([\s\S]*?)\}\}/g
const STRING = '"((?:[^"\\\\\\n]|\\\\.)*)"'
const CALL = new RegExp(`^\\s*(?:(key)\\s+${STRING}(?:\\s+${STRING})?|(expires)\\s+${STRING})\\s*$`)
const BRACES = /^\s*"\{\{"\s*$/

export class Template {
  readonly #parts: readonly Part[]

  /** @throws ExitError (code 2) with the line and column of what is not understood. */
  constructor(path: string, text: string) {
    const parts: Part[] = []
    let end = 0
    for (const match of text.matchAll(ACTION)) {
      parts.push(text.slice(end, match.index), partOf(match[1]!) ?? fail(path, text, match.index))
      end = match.index + match[0].length
    }
    const rest = text.slice(end)
    if (rest.includes('{{')) fail(path, text, end + rest.indexOf('{{'))
    this.#parts = [...parts, rest]
    if (this.keys.length === 0) throw new ExitError(2, `${path} names no key: write {{ key "KEY" }} into it`)
  }

  get keys(): string[] {
    return [...new Set(this.#parts.flatMap((part) => (typeof part === 'string' ? [] : [part.key])))]
  }

  /** @throws ExitError (code 1) for a value that lacks a field. */
  render(values: ReadonlyMap<string, RenderedValue>): string {
    return this.#parts
      .map((part) => {
        if (typeof part === 'string') return part
        const { value, expiresAt } = values.get(part.key)!
        if (part.name === 'key') return textOf(fieldOf(part.key, value, part.field))
        return isNever(expiresAt) ? 'null' : String(Math.floor(expiresAt / 1000))
      })
      .join('')
  }
}

function partOf(action: string): Part | undefined {
  if (BRACES.test(action)) return '{{'
  const [, isKey, key, field, isExpires, expiring] = CALL.exec(action) ?? []
  if (isKey !== undefined) return { name: 'key', key: unquoted(key!), field: field === undefined ? undefined : unquoted(field) }
  return isExpires === undefined ? undefined : { name: 'expires', key: unquoted(expiring!), field: undefined }
}

const unquoted = (text: string): string => text.replace(/\\(.)/g, '$1')

/** @throws always. The text is not repeated: a secret may stand in the wrong place. */
function fail(path: string, text: string, offset: number): never {
  const before = text.slice(0, offset).split('\n')
  const place = `${path}:${before.length}:${before.at(-1)!.length + 1}`
  throw new ExitError(2, `${place}: there are {{ key "KEY" }}, {{ key "KEY" "field" }}, {{ expires "KEY" }} and {{ "{{" }}`)
}
