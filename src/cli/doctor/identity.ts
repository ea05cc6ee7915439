import type { RecordFact } from './facts/facts.js'
import { type Check, type Finding, ok, words } from './finding.js'

const isStable = (name: string): boolean => /ACCESS_TOKEN_STABLE$/.test(name)
const isTicket = (name: string): boolean => /_TICKET$/.test(name)

/** Another folder with values of the same account: two folders are two fetches. */
export const identity: Check = {
  name: 'identity',
  needs: ['folder', 'others'],
  find({ folder, others, now }) {
    const own = identitiesOf(folder!.records)
    const findings = others!.flatMap(({ dir, records }): Finding[] => {
      // Stable tokens and tickets are the same for all who ask.
      const shared = records.filter(
        ({ name, identity: account }) => account && own.has(account) && !isStable(name) && !isTicket(name),
      )
      if (shared.length === 0) return []
      const [{ identity: account }] = shared as [RecordFact]
      const isUsed = shared.some(({ expiresAt }) => expiresAt > now)
      return [
        {
          level: isUsed ? 'serious' : 'note',
          what: words(`${dir} has values of ${account} too`, `${dir} 中也有 ${account} 的值`),
          why: isUsed
            ? words('Each fetch in one folder kills the token of the other.', '在一个目录中获取会使另一个目录的 token 失效。')
            : words('They have expired: that folder may be out of use.', '它们已过期：该目录可能已不再使用。'),
          mend: words(
            `Let all programs use ${folder!.dir} (DOTDOG_DIR), and remove the other folder.`,
            `请让所有程序使用 ${folder!.dir}（DOTDOG_DIR），并删除另一个目录。`,
          ),
          details: { dir, identity: account },
        },
      ]
    })
    return findings.length > 0 ? findings : [ok('no second folder was found', '没有发现第二个目录')]
  },
}

const identitiesOf = (records: readonly RecordFact[]): Set<string> =>
  new Set(records.flatMap(({ identity: account }) => account ?? []))
