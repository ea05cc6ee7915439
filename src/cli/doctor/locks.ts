import { durationInWords } from '../terminal/times.js'
import type { Facts, LockFact } from './facts/facts.js'
import { type Check, type Finding, ok, words } from './finding.js'

/** A holder shows a sign of life every two seconds. */
const MAX_SILENCE_MS = 30_000

/** Who fetches now, and locks whose holder is dead, silent or stopped. */
export const locks: Check = {
  name: 'locks',
  needs: ['folder', 'keys'],
  find(facts) {
    const found = facts.folder!.locks.map((lock) => findingOf(lock, facts))
    return found.length > 0 ? found : [ok('nobody is fetching', '没有正在进行的获取')]
  },
}

/** The key of a file's name. */
function keyOf(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

function findingOf(lock: LockFact, { keys, now }: Facts): Finding {
  const key = keyOf(lock.name)
  const pid = lock.pid ?? '?'
  const status = keys!.find((one) => one.key === key)
  const details = { key, pid: lock.pid, holder: status?.holder }
  const silent = durationInWords(now - lock.heartbeatMs, 'en')
  const silentZh = durationInWords(now - lock.heartbeatMs, 'zh')
  const isSilent = now - lock.heartbeatMs > MAX_SILENCE_MS
  // The engine names a holder only while it counts as alive.
  if (status !== undefined && status.holder === undefined) {
    return {
      level: 'note',
      what: words(`${key}: its last holder (pid ${pid}) is dead`, `${key}：上一个持有者（pid ${pid}）已退出`),
      why: words('It was killed in the middle of a fetch.', '它在获取过程中被终止。'),
      mend: words('Nothing: the next fetch takes the lock over.', '无需处理：下一次获取会接管。'),
      details,
    }
  }
  if (lock.isStopped && status?.holder !== undefined && !status.holder.startsWith('elsewhere:')) {
    return {
      level: 'serious',
      what: words(`${key}: its holder (pid ${pid}) is stopped`, `${key}：持有者（pid ${pid}）已被暂停`),
      why: words('All others wait for it until its time-out.', '其他程序会一直等待到它超时。'),
      mend: words(`kill -CONT ${pid}, or end it.`, `执行 kill -CONT ${pid}，或结束它。`),
      details,
    }
  }
  if (isSilent) {
    return {
      level: 'note',
      what: words(
        `${key}: its holder (pid ${pid}) is silent for ${silent}`,
        `${key}：持有者（pid ${pid}）已 ${silentZh} 无响应`,
      ),
      why: words('It is in another container or machine, or very busy.', '它在另一个容器或机器上，或非常繁忙。'),
      mend: words('If it is gone, nothing: the next fetch takes over after 10 s.', '若它已不存在，无需处理：10 秒后会被接管。'),
      details,
    }
  }
  return { ...ok(`${key} is being fetched by ${status?.holder ?? pid}`, `${key} 正由 ${status?.holder ?? pid} 获取`), details }
}
