// dotdog doctor: looks at everything that can be wrong, and says what mends it. Changes nothing.
import { parseArgs } from 'node:util'
import { findingsOf, gatherFacts, isPart, type SpokenFinding } from '../../doctor/index.js'
import { SESSION_OPTIONS } from '../../lib/arguments.js'
import { outputOf, write } from '../../lib/output.js'
import { type Language, languageOf } from '../../terminal/language.js'
import { painter, widthOf, wrap } from '../../terminal/table.js'

const COLORS = { ok: 'green', note: 'yellow', serious: 'red' } as const
const LEVELS = {
  en: { ok: 'ok', note: 'note', serious: 'SERIOUS' },
  zh: { ok: '正常', note: '注意', serious: '严重' },
} as const
const LEVEL_WIDTH = 9
const INDENT = '  '

export async function doctor(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    // `gather` is for the processes that this one starts.
    options: { ...SESSION_OPTIONS, json: { type: 'boolean' }, gather: { type: 'string' } },
  })
  if (values.gather !== undefined && isPart(values.gather)) {
    return (await import('../../doctor/facts/run-part.js')).gatherPart(values.gather, values)
  }
  const language = languageOf(process.env)
  const findings = findingsOf(await gatherFacts(values), language)
  await write(values.json ? `${JSON.stringify({ findings }, undefined, 2)}\n` : report(findings, language))
  // A process that was started may be waiting for a dead disk, and is not waited for.
  process.exit(findings.some(({ level }) => level === 'serious') ? 1 : 0)
}

function report(findings: readonly SpokenFinding[], language: Language): string {
  const { width, isColored } = outputOf(process.stdout, process.env)
  const paint = painter(isColored)
  const lines = findings.flatMap(({ check, level, what, why, mend }) => {
    const word = LEVELS[language][level]
    const head = wrap(`${check}: ${what}`, width - LEVEL_WIDTH)
    const more = [why, mend && `→ ${mend}`].flatMap((text) => (text ? wrap(text, width - LEVEL_WIDTH - INDENT.length) : []))
    const padded = word + ' '.repeat(LEVEL_WIDTH - widthOf(word))
    return [
      `${paint(COLORS[level])(padded)}${head[0]}`,
      ...head.slice(1).map((line) => ' '.repeat(LEVEL_WIDTH) + line),
      ...more.map((line) => ' '.repeat(LEVEL_WIDTH) + INDENT + line),
    ]
  })
  return `${[...lines, '', summary(findings, language)].join('\n')}\n`
}

function summary(findings: readonly SpokenFinding[], language: Language): string {
  const count = (level: SpokenFinding['level']) => findings.filter((one) => one.level === level).length
  const [serious, notes] = [count('serious'), count('note')]
  if (language === 'zh') return `严重 ${serious} 项，注意 ${notes} 项`
  return `${serious} serious, ${notes} ${notes === 1 ? 'note' : 'notes'}`
}
