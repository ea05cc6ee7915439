import type { Language, Words } from '../terminal/language.js'
import type { Facts, Step } from './facts/facts.js'

/** `serious`: values are lost, fetched twice, readable by others, or cannot be got. */
export type Level = 'ok' | 'note' | 'serious'

/** What a check says, in both languages. */
export interface Finding {
  level: Level
  what: Words
  why?: Words
  mend?: Words
  /** Further members for programs. */
  details?: Readonly<Record<string, unknown>>
}

export interface Check {
  name: string
  /** The facts without which it says nothing. */
  needs: readonly Step[]
  find(facts: Facts): Finding[]
}

/** A finding for programs, and in one language. */
export interface SpokenFinding {
  check: string
  level: Level
  what: string
  why?: string
  mend?: string
}

export const words = (en: string, zh: string): Words => ({ en, zh })

/** A text that is the same in both languages, such as one of the engine's. */
export const same = (text: string): Words => ({ en: text, zh: text })

export const ok = (en: string, zh: string): Finding => ({ level: 'ok', what: words(en, zh) })

export function speak(check: string, { level, what, why, mend, details }: Finding, language: Language): SpokenFinding {
  return {
    check,
    level,
    what: what[language],
    ...(why && { why: why[language] }),
    ...(mend && { mend: mend[language] }),
    ...details,
  }
}

const MAX_LISTED = 4

/** A few names of many. */
export function list(names: readonly string[]): string {
  const more = names.length - MAX_LISTED
  return more > 0 ? `${names.slice(0, MAX_LISTED).join(', ')}, … (+${more})` : names.join(', ')
}

/** Enclosed for a shell. */
export const quoted = (path: string): string => (/^[\w./@:-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
