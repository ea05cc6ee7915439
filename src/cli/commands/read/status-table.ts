import type { KeyStatus } from 'dotdog'
import { hintOf } from '../../terminal/hints.js'
import type { Language } from '../../terminal/language.js'
import { colorOf, lifetimeBar, stateInWords } from '../../terminal/states.js'
import { type Cell, painter, tableLines, wrap } from '../../terminal/table.js'
import { durationInWords, shareLeft, timeLeft } from '../../terminal/times.js'

/** The statuses of keys as a table for a person. */

const BAR_WIDTH = 10

const TITLES = {
  en: ['KEY', 'STATE', 'LIFE', 'LEFT', 'AGE', 'FETCHES', 'HOLDER'],
  zh: ['键', '状态', '寿命', '剩余', '已用', '获取次数', '持有者'],
} as const
/** The bar goes first where the terminal is narrow, then who fetches, how often, the age and the time left. */
const DROP_ORDER = [0, 0, 5, 1, 2, 3, 4]

interface View {
  now: number
  language: Language
  width: number
  isColored: boolean
}

export function statusLines(statuses: readonly KeyStatus[], { now, language, width, isColored }: View): string[] {
  const paint = painter(isColored)
  const columns = TITLES[language].map((title, index) => ({ title, dropOrder: DROP_ORDER[index]! }))
  const rowOf = (status: KeyStatus): Cell[] => {
    const { key, state, fetchedAt, expiresAt, fetches, quota, holder } = status
    const color = paint(colorOf(state))
    const hasTimes = fetchedAt !== undefined && expiresAt !== undefined
    return [
      { text: key },
      { text: stateInWords(state, language), paint: color },
      { text: hasTimes ? lifetimeBar(shareLeft(fetchedAt, expiresAt, now), BAR_WIDTH) : '', paint: color },
      { text: expiresAt === undefined ? '–' : timeLeft(expiresAt, now, language) },
      { text: fetchedAt === undefined ? '–' : durationInWords(now - fetchedAt, language) },
      { text: quota === undefined ? String(fetches) : `${fetches}/${quota}` },
      { text: holder ?? '' },
    ]
  }
  const [head, ...rows] = tableLines(columns, statuses.map(rowOf), width)
  return [
    paint('dim')(head!),
    ...rows.flatMap((row, index) => [row, ...failureLines(statuses[index]!, language, now, width).map(paint('red'))]),
  ]
}

/** The last failure below its key, and what to do about it. */
function failureLines({ failure }: KeyStatus, language: Language, now: number, width: number): string[] {
  if (failure === undefined) return []
  const ago = durationInWords(now - failure.at, language)
  const words = language === 'zh' ? `${ago}前失败 ${failure.count} 次：` : `failed ${failure.count} times, ${ago} ago: `
  const once = language === 'zh' ? `${ago}前失败：` : `failed ${ago} ago: `
  const hint = hintOf(failure, language)
  const isSaid = hint === undefined || failure.message.includes(hint)
  const text = `${failure.count === 1 ? once : words}${failure.message}${isSaid ? '' : ` ${hint}`}`
  return wrap(text, width - 2).map((line) => `  ${line}`)
}
