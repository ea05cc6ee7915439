import { durationInWords } from '../terminal/times.js'
import type { ClockFact } from './facts/facts.js'
import { type Check, type Finding, ok, words } from './finding.js'

/** From here on other machines take our values for values of the future. */
const SERIOUS_MS = 60_000
const NOTED_MS = 5000

/** This machine's clock, compared with that of each upstream. */
export const clock: Check = {
  name: 'clock',
  needs: ['clocks'],
  find({ clocks, accounts = [] }) {
    // What WeChat does not answer has a check of its own.
    const asked = clocks!.filter(
      ({ origin, problem }) => problem === undefined || !accounts.some((one) => one.origin === origin),
    )
    return asked.map(findingOf)
  },
}

function findingOf({ origin, aheadMs, problem }: ClockFact): Finding {
  const details = { origin, ...(aheadMs !== undefined && { aheadMs }) }
  if (problem !== undefined) {
    return {
      level: 'serious',
      what: words(`${origin} gave no answer: ${problem}`, `${origin} 没有应答：${problem}`),
      why: words('A fetch from there fails too.', '从那里获取也会失败。'),
      mend: words('Check the network, HTTPS_PROXY and the address.', '请检查网络、HTTPS_PROXY 和地址。'),
      details,
    }
  }
  if (aheadMs === undefined) return { ...ok(`${origin} does not tell its time`, `${origin} 未提供时间`), details }
  const size = Math.abs(aheadMs)
  if (size < NOTED_MS) return { ...ok(`as at ${origin}`, `与 ${origin} 一致`), details }
  const [by, byZh] = [durationInWords(size, 'en'), durationInWords(size, 'zh')]
  return {
    level: size > SERIOUS_MS ? 'serious' : 'note',
    what:
      aheadMs > 0
        ? words(`${by} ahead of ${origin}`, `比 ${origin} 快 ${byZh}`)
        : words(`${by} behind ${origin}`, `比 ${origin} 慢 ${byZh}`),
    why: words('Expiry times and signatures are wrong by as much.', '过期时间和签名会相差同样多。'),
    mend: words('Set the clock: timedatectl set-ntp true', '请校准时钟：timedatectl set-ntp true'),
    details,
  }
}
