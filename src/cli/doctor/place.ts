import type { FolderReason } from '../configuration/folder.js'
import type { Words } from '../terminal/language.js'
import type { Facts, LaunchFacts } from './facts/facts.js'
import { type Check, type Finding, ok, quoted, same, words } from './finding.js'

const REASONS: Readonly<Record<FolderReason, Words>> = {
  argument: words('--dir names it', '由 --dir 指定'),
  configuration: words('the configuration names it', '由配置指定'),
  beside: words('it is beside the configuration', '位于配置文件旁'),
  environment: words('DOTDOG_DIR names it', '由 DOTDOG_DIR 指定'),
  nearest: words('it is the nearest .dog at or above the working folder', '是工作目录及其上级中最近的 .dog'),
  account: words(
    'it belongs to the account of WX_APPID, as there is no configuration and no .dog here',
    '属于 WX_APPID 的账号：此处没有配置，也没有 .dog',
  ),
}

/** The folder depends on where the program is run, so that another way of starting it leads to another folder. */
const DEPENDS_ON_WORKING_FOLDER: readonly FolderReason[] = ['nearest', 'account']

/** Which folder or store holds the values, and why. */
export const place: Check = {
  name: 'place',
  needs: ['configuration', 'launch'],
  find(facts) {
    const found = facts.configuration!.place
    if (found.kind === 'store') return [ok(`a store: ${found.scheme}`, `存储：${found.scheme}`)]
    if (found.kind === 'none') {
      return [{ level: 'serious', what: same(found.message), ...(found.hint && { mend: same(found.hint) }) }]
    }
    const { dir, reason } = found
    const where = facts.folder?.exists === false ? words(' (not made yet)', '（尚未创建）') : same('')
    const first: Finding = {
      ...ok(`${dir}${where.en}: ${REASONS[reason].en}`, `${dir}${where.zh}：${REASONS[reason].zh}`),
      details: { dir, reason },
    }
    return [first, ...surprises(dir, reason, facts)]
  },
}

function surprises(dir: string, reason: FolderReason, { launch, folder, configuration }: Facts): Finding[] {
  const { isPm2, isCron, isNpx, container, environmentFolder } = launch as LaunchFacts
  const findings: Finding[] = []
  const by = [
    ...(isPm2 ? [words('under pm2', 'pm2')] : []),
    ...(isCron ? [words('by cron', 'cron')] : []),
    ...(isNpx ? [words('by npx', 'npx')] : []),
    ...(container === undefined ? [] : [words('in a container', '容器')]),
  ]
  const run = words(`run ${by.map(({ en }) => en).join(', ')}`, `运行环境：${by.map(({ zh }) => zh).join('、')}`)
  if (by.length > 0 && DEPENDS_ON_WORKING_FOLDER.includes(reason)) {
    findings.push({
      level: 'note',
      what: words(`${run.en}, and the working folder decides`, `${run.zh}；目录取决于工作目录`),
      why: words('Started from elsewhere, it has another folder and fetches again.', '从别处启动会使用另一个目录并再次获取。'),
      mend: words(
        `Name it for everything that shares it: DOTDOG_DIR=${quoted(dir)}`,
        `请为所有共用它的程序指定：DOTDOG_DIR=${quoted(dir)}`,
      ),
    })
  } else if (by.length > 0) findings.push({ level: 'ok', what: run })
  if (/[\\/](_npx|_cacache|\.cache|caches)[\\/]/i.test(dir)) {
    findings.push({
      level: 'serious',
      what: words(`${dir} lies in a cache`, `${dir} 位于缓存中`),
      why: words('Caches are emptied at times, and the values with them.', '缓存会被清空，值也会随之丢失。'),
      mend: words('Set DOTDOG_DIR to a folder that stays.', '请将 DOTDOG_DIR 设为固定的目录。'),
    })
  }
  if (container !== undefined && ['overlay', 'tmpfs', 'fuse.fuse-overlayfs'].includes(folder?.mount?.type ?? '')) {
    findings.push({
      level: 'serious',
      what: words(`${dir} is part of the container (${folder!.mount!.type})`, `${dir} 位于容器内部（${folder!.mount!.type}）`),
      why: words(
        'Each container has a folder of its own, which fetches and is lost with it.',
        '每个容器各有一个目录，各自获取，并随容器丢失。',
      ),
      mend: words('Mount one volume at it in all containers.', '请在所有容器中挂载同一个卷。'),
    })
  }
  if (environmentFolder !== undefined && environmentFolder !== dir && configuration!.path !== undefined) {
    findings.push({
      level: 'note',
      what: words(`DOTDOG_DIR is ${environmentFolder}, another folder`, `DOTDOG_DIR 是另一个目录：${environmentFolder}`),
      why: words(
        'Node programs take DOTDOG_DIR; the program dotdog takes the configuration.',
        'Node 程序使用 DOTDOG_DIR，而 dotdog 命令使用配置。',
      ),
      mend: words('Give both the same folder.', '请让两者使用同一个目录。'),
    })
  }
  return findings
}
