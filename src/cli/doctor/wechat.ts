import type { AccountFact } from './facts/facts.js'
import { type Check, type Finding, ok, words } from './finding.js'

/** Whether WeChat can be reached, and takes calls from the address that it sees. */
export const wechat: Check = {
  name: 'wechat',
  needs: ['accounts'],
  find: ({ accounts }) => accounts!.map(findingOf),
}

function findingOf({ appId, origin, isAllowed, errcode, ip, message = '', hint, hintZh }: AccountFact): Finding {
  const details = { appId, origin, ...(errcode !== undefined && { errcode }), ...(ip !== undefined && { ip }) }
  if (isAllowed) return { ...ok(`${appId}: ${origin} takes calls from here`, `${appId}：${origin} 接受本机的调用`), details }
  const said = hint === undefined ? message : message.replace(` ${hint}`, '')
  const seen = ip === undefined ? ['', ''] : [` It sees ${ip}.`, ` 它看到的 IP 是 ${ip}。`]
  const finding: Finding = {
    level: 'serious',
    what: words(`${appId}: ${said}${seen[0]}`, `${appId}：${said}${seen[1]}`),
    details,
  }
  return hint === undefined ? finding : { ...finding, mend: words(hint, hintZh ?? hint) }
}
