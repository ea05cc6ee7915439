import { type Check, ok, words } from './finding.js'

/** Whether the system tells of changes (inotify), or waiters have to poll. */
export const watching: Check = {
  name: 'watching',
  needs: ['watching'],
  find({ watching: facts }) {
    const { error } = facts!
    if (error === undefined) return [ok('changes are seen at once', '更改可立即察觉')]
    const isLimit = error === 'EMFILE' || error === 'ENOSPC'
    return [
      {
        level: 'note',
        what: words(`the folder cannot be watched (${error})`, `无法监视目录（${error}）`),
        why: words('Waiting programs poll instead: values come a little later.', '等待的程序改为轮询：值会稍晚到达。'),
        mend: isLimit
          ? words(
              'Raise the limits: sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=524288',
              '请提高上限：sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=524288',
            )
          : words('Use a folder on a local disk.', '请使用本地磁盘上的目录。'),
        details: { error },
      },
    ]
  },
}
