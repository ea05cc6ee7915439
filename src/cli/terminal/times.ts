import type { Language } from './language.js'

/** Durations and points in time in words. Pure: the present is an argument. */

/** The expiry of a value that never expires, in epoch milliseconds. */
const NEVER_MS = 8.64e15

const UNITS = [
  { seconds: 86_400, en: 'd', zh: '天' },
  { seconds: 3600, en: 'h', zh: '小时' },
  { seconds: 60, en: 'min', zh: '分' },
  { seconds: 1, en: 's', zh: '秒' },
] as const

export const isNever = (epochMs: number): boolean => epochMs >= NEVER_MS

/** A duration in its two largest units: `1 h 59 min`, `3 d 4 h`, `12 s`. */
export function durationInWords(ms: number, language: Language): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const first = UNITS.findIndex((unit) => seconds >= unit.seconds)
  if (first < 0) return `0 ${UNITS[3][language]}`
  const { seconds: size } = UNITS[first]!
  const words = [`${Math.floor(seconds / size)} ${UNITS[first]![language]}`]
  const next = UNITS[first + 1]
  const rest = next === undefined ? 0 : Math.floor((seconds % size) / next.seconds)
  if (next !== undefined && rest > 0) words.push(`${rest} ${next[language]}`)
  return words.join(' ')
}

/** The time until the expiry. */
export function timeLeft(expiresAt: number, now: number, language: Language): string {
  if (isNever(expiresAt)) return language === 'zh' ? '永不过期' : 'never expires'
  // Rounded up: two hours that have just begun are two hours.
  return durationInWords(Math.ceil((expiresAt - now) / 1000) * 1000, language)
}

/** The share of the lifetime that is left, from 0 to 1. */
export function shareLeft(fetchedAt: number, expiresAt: number, now: number): number {
  if (isNever(expiresAt)) return 1
  const lifetime = expiresAt - fetchedAt
  return lifetime <= 0 ? 0 : Math.min(1, Math.max(0, (expiresAt - now) / lifetime))
}
