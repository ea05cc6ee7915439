import type { FileFact, FolderFacts } from './facts/facts.js'
import { type Check, type Finding, list, ok, quoted, words } from './finding.js'

const OTHERS = 0o007
const WRITABLE_BY_ALL = 0o002
const GROUP = 0o070

const octal = (mode: number): string => mode.toString(8).padStart(4, '0')
const paths = (files: readonly FileFact[]): string => list(files.map(({ path }) => path))
const details = (files: readonly FileFact[]) => ({ paths: files.slice(0, 100).map(({ path }) => path) })

/** Modes and owners: who else can read or write the values. */
export const access: Check = {
  name: 'access',
  needs: ['folder', 'launch'],
  find({ folder: facts, launch }) {
    const { folder, files } = facts as FolderFacts
    const uid = launch!.uid
    if (uid === undefined) return [ok('this system has no modes', '此系统没有权限位')]
    const all = folder === undefined ? files : [folder, ...files]
    const findings = [
      ...wrongTypes(facts as FolderFacts),
      ...foreign(all, uid, folder),
      ...writable(all),
      ...parents(facts!.writableParents),
    ]
    const said = new Set(findings.flatMap(({ details: found }) => (found as { paths?: string[] })?.paths ?? []))
    const rest = all.filter(({ path }) => !said.has(path))
    findings.push(...readable(rest, folder))
    if (findings.length > 0) return findings
    if (folder === undefined) return [ok('the folder will be ours alone', '目录将仅供当前用户使用')]
    const first = facts!.isTruncated ? [' (of its first 2000 files)', '（前 2000 个文件）'] : ['', '']
    return [
      ok(
        `only uid ${folder.uid} can read it (mode ${octal(folder.mode)})${first[0]}`,
        `仅 uid ${folder.uid} 可读（权限 ${octal(folder.mode)}）${first[1]}`,
      ),
    ]
  },
}

function wrongTypes({ dir, folder, files }: FolderFacts): Finding[] {
  const odd = files.filter(({ type }) => type === 'link' || type === 'other')
  if (folder !== undefined && folder.type !== 'folder') odd.push(folder)
  if (odd.length === 0) return []
  return [
    {
      level: 'serious',
      what: words(`in the place of dotdog's files: ${paths(odd)}`, `dotdog 文件的位置上有其他东西：${paths(odd)}`),
      why: words('A link or FIFO leads elsewhere, so it is refused.', '链接或 FIFO 会指向别处，因此被拒绝。'),
      mend: words(`Look who made it in ${dir}, then remove it.`, `请查明是谁在 ${dir} 中创建的，然后删除。`),
      details: details(odd),
    },
  ]
}

function foreign(files: readonly FileFact[], uid: number, folder: FileFact | undefined): Finding[] {
  const others = files.filter((file) => file.uid !== uid && file.uid !== 0 && (file === folder || file.uid !== folder?.uid))
  // Of root only its own files are a fault, since nobody else can read them.
  const ofRoot = uid === 0 ? [] : files.filter((file) => file.uid === 0)
  const found = [...others, ...ofRoot]
  if (found.length === 0) return []
  const owners = [...new Set(found.map((file) => file.uid))].join(', ')
  return [
    {
      level: 'serious',
      what: words(
        `belongs to uid ${owners}, and we are ${uid}: ${paths(found)}`,
        `属于 uid ${owners}，而当前是 ${uid}：${paths(found)}`,
      ),
      why:
        ofRoot.length > 0
          ? words('Often root ran the program once.', '通常是曾以 root 运行过程序。')
          : words('What another user owns could have been planted.', '其他用户的文件可能是被植入的。'),
      mend: words(
        `Run as that user, or look at it, then: chown -R ${uid} ${quoted(folder?.path ?? found[0]!.path)}`,
        `请以该用户运行，或确认后执行：chown -R ${uid} ${quoted(folder?.path ?? found[0]!.path)}`,
      ),
      details: { ...details(found), uid },
    },
  ]
}

function writable(files: readonly FileFact[]): Finding[] {
  const found = files.filter(({ type, mode }) => type !== 'link' && mode & WRITABLE_BY_ALL)
  if (found.length === 0) return []
  return [
    {
      level: 'serious',
      what: words(`everybody can write: ${paths(found)}`, `任何人都可写：${paths(found)}`),
      why: words('Another user can plant or replace a value, so it is refused.', '其他用户可以植入或替换值，因此被拒绝。'),
      mend: words(
        `Check what is in it, then: chmod o-w ${found
          .slice(0, 3)
          .map(({ path }) => quoted(path))
          .join(' ')}`,
        `检查其内容，然后执行：chmod o-w ${found
          .slice(0, 3)
          .map(({ path }) => quoted(path))
          .join(' ')}`,
      ),
      details: details(found),
    },
  ]
}

function parents(found: readonly FileFact[]): Finding[] {
  const all = found.filter(({ mode }) => mode & WRITABLE_BY_ALL)
  return found.length === 0
    ? []
    : [
        {
          level: all.length > 0 ? 'serious' : 'note',
          what: words(`others can write a folder above it: ${paths(found)}`, `其他人可写其上级目录：${paths(found)}`),
          why: words('They can put another folder in the place of this one.', '他们可以用别的目录替换它。'),
          mend: words(`chmod go-w ${quoted(found[0]!.path)}`, `chmod go-w ${quoted(found[0]!.path)}`),
          details: details(found),
        },
      ]
}

/** Behind a folder that is closed, the mode of a file does not matter. */
function readable(files: readonly FileFact[], folder: FileFact | undefined): Finding[] {
  const isClosed = folder !== undefined && (folder.mode & OTHERS) === 0
  const open = isClosed ? [] : files.filter(({ path, type, mode }) => type === 'file' && path.endsWith('.dog') && mode & OTHERS)
  if (open.length > 0) {
    return [
      {
        level: 'serious',
        what: words(`everybody can read: ${paths(open)}`, `任何人都可读：${paths(open)}`),
        mend: words(`chmod 600 ${quoted(open[0]!.path)}`, `chmod 600 ${quoted(open[0]!.path)}`),
        details: details(open),
      },
    ]
  }
  if (folder === undefined || (folder.mode & (OTHERS | GROUP)) === 0) return []
  const [mode, path] = [octal(folder.mode), quoted(folder.path)]
  return [
    {
      level: 'note',
      what: words(`others can enter ${folder.path} (mode ${mode})`, `其他人可进入 ${folder.path}（权限 ${mode}）`),
      why: words(
        'The files in it are closed all the same; a group may share it on purpose.',
        '其中的文件仍受保护；也可能是有意与组共享。',
      ),
      mend: words(`If nobody shares it: chmod 700 ${path}`, `若无需共享：chmod 700 ${path}`),
      details: details([folder]),
    },
  ]
}
