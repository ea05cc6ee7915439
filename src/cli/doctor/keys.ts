import type { KeyStatus } from 'dotdog'
import { hintOf } from '../terminal/hints.js'
import { stateInWords } from '../terminal/states.js'
import { durationInWords } from '../terminal/times.js'
import { type Check, type Finding, ok, words } from './finding.js'

/** Encryption has a check of its own. */
const isOfEncryption = ({ failure }: KeyStatus): boolean => failure?.code === 'ERR_DOG_DECRYPT'

/** Each key's last failure, with what helps. */
export const keys: Check = {
  name: 'keys',
  needs: ['keys'],
  find({ keys: statuses, now }) {
    const failed = statuses!.filter((status) => status.failure !== undefined && !isOfEncryption(status))
    if (failed.length > 0) return failed.map((status) => failureOf(status, now))
    const valid = statuses!.filter(({ state }) => state === 'fresh' || state === 'due').length
    return [
      ok(
        `${valid} of ${statuses!.length} have a valid value, none failed`,
        `${statuses!.length} 个键中 ${valid} 个有有效值，没有失败`,
      ),
    ]
  },
}

function failureOf({ key, state, failure }: KeyStatus, now: number): Finding {
  const { code, message, at, details } = failure!
  const isUsable = state === 'fresh' || state === 'due'
  const [hint, hintZh] = [hintOf(failure!, 'en'), hintOf(failure!, 'zh')]
  const said = hint === undefined ? message : message.replace(` ${hint}`, '')
  const [ago, agoZh] = [durationInWords(now - at, 'en'), durationInWords(now - at, 'zh')]
  const finding: Finding = {
    level: isUsable ? 'note' : 'serious',
    what: words(
      `${key} (${state}) failed ${ago} ago: ${said}`,
      `${key}（${stateInWords(state, 'zh')}）${agoZh}前失败：${said}`,
    ),
    details: { key, state, code, ...errcodeOf(details) },
  }
  return hint === undefined ? finding : { ...finding, mend: words(hint, hintZh ?? hint) }
}

function errcodeOf(details: unknown): object {
  const { errcode, ip } = Object(details) as { errcode?: unknown; ip?: unknown }
  return { ...(errcode !== undefined && { errcode }), ...(ip !== undefined && { ip }) }
}
