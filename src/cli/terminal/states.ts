import type { Language, Words } from './language.js'

/** The states of a key in words and colours. */

export type KeyState = 'fresh' | 'due' | 'expired' | 'missing' | 'unreadable'
export type Color = 'green' | 'yellow' | 'red' | 'dim'

interface StateWords extends Words {
  readonly color: Color
}

const STATES: Readonly<Record<KeyState, StateWords>> = {
  fresh: { en: 'fresh', zh: '有效', color: 'green' },
  due: { en: 'due', zh: '待刷新', color: 'yellow' },
  expired: { en: 'expired', zh: '已过期', color: 'red' },
  missing: { en: 'missing', zh: '没有值', color: 'dim' },
  unreadable: { en: 'unreadable', zh: '无法读取', color: 'red' },
}

export const stateInWords = (state: KeyState, language: Language): string => STATES[state][language]
export const colorOf = (state: KeyState): Color => STATES[state].color

/** A bar of the part of a lifetime that is left. A part over 0 shows at least one block. */
export function lifetimeBar(share: number, width: number): string {
  const full = share <= 0 ? 0 : Math.max(1, Math.round(share * width))
  return '█'.repeat(full) + '░'.repeat(width - full)
}
