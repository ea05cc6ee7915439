import { type Check, type Finding, ok, words } from './finding.js'

const REMOTE = /^(nfs\d?|cifs|smb3?|smbfs|ceph|lustre|gfs2|glusterfs|afs|9p|virtiofs)$/
const WITHOUT_MODES = /^(vfat|msdos|exfat|fuseblk|ntfs3?|fuse\.exfat|fuse\.ntfs.*)$/
/** What a record takes, with its lock. */
const MIN_FREE_BYTES = 1_048_576

/** The file system of the folder: whether its locks, modes and changes can be relied on. */
export const fileSystem: Check = {
  name: 'file-system',
  needs: ['folder'],
  find({ folder }) {
    const { dir, mount, freeBytes } = folder!
    const findings = mount === undefined ? [] : kindFindings(mount.type, mount.point)
    if (mount?.isReadOnly) {
      findings.push({
        level: 'serious',
        what: words(`${mount.point} is mounted read-only`, `${mount.point} 以只读方式挂载`),
        mend: words(
          `Set DOTDOG_DIR to a folder that can be written, or remount it.`,
          '请将 DOTDOG_DIR 设为可写的目录，或重新挂载。',
        ),
      })
    }
    if (freeBytes !== undefined && freeBytes < MIN_FREE_BYTES) {
      findings.push({
        level: 'serious',
        what: words(`the disk of ${dir} is full`, `${dir} 所在磁盘已满`),
        why: words('No fetch is begun that could not be stored.', '无法存储时不会开始获取。'),
        mend: words('Free at least 1 MiB.', '请至少释放 1 MiB。'),
      })
    }
    if (findings.length > 0) return findings
    return [ok(mount === undefined ? 'of an unknown kind' : mount.type, mount === undefined ? '类型未知' : mount.type)]
  },
}

function kindFindings(type: string, point: string): Finding[] {
  const details = { type, point }
  if (WITHOUT_MODES.test(type)) {
    return [
      {
        level: 'serious',
        what: words(`${type} at ${point} keeps no modes`, `${point} 的 ${type} 不保存权限`),
        why: words('Whoever may read the disk reads the values.', '能读取该磁盘的人都能读取这些值。'),
        mend: words(
          'Use a folder on another disk, or mount it with umask=077 and your uid, and set an encryptionKey.',
          '请使用其他磁盘上的目录，或以 umask=077 和您的 uid 挂载，并设置 encryptionKey。',
        ),
        details,
      },
    ]
  }
  if (REMOTE.test(type) || /^fuse(\.|$)/.test(type)) {
    return [
      {
        level: 'note',
        what: words(`${type} at ${point}`, `${point} 为 ${type}`),
        why: words(
          'Other machines may be in it: their changes are seen later, and caches can let two of them fetch.',
          '可能有其他机器共用：它们的更改会较晚可见，缓存可能导致两台机器同时获取。',
        ),
        mend: words(
          'For several machines use a store: Redis, Postgres, MySQL or dotdog serve.',
          '多台机器请使用存储：Redis、Postgres、MySQL 或 dotdog serve。',
        ),
        details,
      },
    ]
  }
  if (type !== 'tmpfs' && type !== 'ramfs') return []
  return [
    {
      level: 'note',
      what: words(`${type} at ${point}`, `${point} 为 ${type}`),
      why: words('The values are lost at a reboot, and fetched again.', '重启后值会丢失，并重新获取。'),
      mend: words('Use a folder on a disk, unless that is what you want.', '若非有意，请使用磁盘上的目录。'),
      details,
    },
  ]
}
