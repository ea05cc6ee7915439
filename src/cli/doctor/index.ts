import type { Language } from '../terminal/language.js'
import { access } from './access.js'
import { clock } from './clock.js'
import { configuration } from './configuration.js'
import { encryption } from './encryption.js'
import type { Facts, Step } from './facts/facts.js'
import { fileSystem } from './file-system.js'
import { type Check, type Finding, type SpokenFinding, speak, words } from './finding.js'
import { identity } from './identity.js'
import { keys } from './keys.js'
import { leftovers } from './leftovers.js'
import { locks } from './locks.js'
import { place } from './place.js'
import { watching } from './watching.js'
import { wechat } from './wechat.js'

export { gatherFacts } from './facts/gather.js'
export { isPart } from './facts/parts.js'
export type { SpokenFinding } from './finding.js'

const CHECKS: readonly Check[] = [
  configuration,
  place,
  access,
  fileSystem,
  watching,
  keys,
  locks,
  leftovers,
  identity,
  encryption,
  clock,
  wechat,
]

/** What all checks say of the facts. */
export function findingsOf(facts: Facts, language: Language): SpokenFinding[] {
  const findings: SpokenFinding[] = []
  const said = new Set<Step>()
  for (const { name, needs, find } of CHECKS) {
    const step = needs.find((one) => facts.gaps[one] !== undefined)
    const gap = step && facts.gaps[step]
    if (gap !== undefined) {
      // What is wrong with the configuration stops other steps too.
      const isSaid = said.has(step!) || findings.some(({ what }) => what === gap.message)
      if (!isSaid) findings.push(speak(name, gapFinding(step!, gap), language))
      said.add(step!)
    } else if (needs.every((one) => facts[one] !== undefined)) {
      // Otherwise it does not apply: there is no folder, or no account.
      findings.push(...find(facts).map((finding) => speak(name, finding, language)))
    }
  }
  return findings
}

const HANGING: Partial<Record<Step, Finding['mend']>> = {
  configuration: words('Look whether its file system answers: ls the folder.', '请检查文件系统是否响应：对该目录执行 ls。'),
  folder: words(
    'Look whether its file system answers: ls the folder; remount it if not.',
    '请检查文件系统是否响应：对该目录执行 ls；若不响应请重新挂载。',
  ),
  keys: words(
    'Look whether the store or the folder answers, and whether a command that gives a secret waits for a person.',
    '请检查存储或目录是否响应，以及提供密钥的命令是否在等待人工输入。',
  ),
}

function gapFinding(step: Step, { isTimeout, message }: { isTimeout: boolean; message: string }): Finding {
  const level = step === 'others' ? 'note' : 'serious'
  const what = isTimeout
    ? words(`no answer in 10 s from what is asked about: ${step}`, `10 秒内没有应答：${step}`)
    : words(message, message)
  const mend = isTimeout ? HANGING[step] : undefined
  return { level, what, ...(mend && { mend }), details: { step } }
}
