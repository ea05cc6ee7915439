import { type Check, type Finding, list, ok, quoted, words } from './finding.js'

/** Files that killed processes left behind, and damaged records that were kept aside. */
export const leftovers: Check = {
  name: 'leftovers',
  needs: ['folder'],
  find({ folder }) {
    const found = folder!.leftovers.map(({ path }) => path)
    const damaged = found.filter((path) => path.endsWith('.damaged'))
    const abandoned = found.filter((path) => !path.endsWith('.damaged'))
    const findings: Finding[] = []
    if (damaged.length > 0) {
      findings.push({
        level: 'note',
        what: words(`a damaged record was kept aside: ${list(damaged)}`, `保留了损坏的记录：${list(damaged)}`),
        why: words(
          'Something else wrote it, or the disk failed. It may hold a value.',
          '可能被其他程序写坏，或磁盘故障。其中可能有值。',
        ),
        mend: words(`Look what it is, then: rm ${quoted(damaged[0]!)}`, `查看后执行：rm ${quoted(damaged[0]!)}`),
        details: { paths: damaged },
      })
    }
    if (abandoned.length > 0) {
      findings.push({
        level: 'note',
        what: words(
          `${abandoned.length} left by killed processes: ${list(abandoned)}`,
          `被终止的进程留下 ${abandoned.length} 个：${list(abandoned)}`,
        ),
        mend: words('Nothing: fetches sweep them away.', '无需处理：获取时会自动清理。'),
        details: { paths: abandoned },
      })
    }
    return findings.length > 0 ? findings : [ok('none', '没有')]
  },
}
