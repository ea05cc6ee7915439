// Stops this process before its n-th system call of a commit, whatever the engine does there and in which order: it counts
// the calls of `fs` from `begin` on. STOP_AT: n, from 1.
const fs = require('node:fs')

const SYNC = ['open', 'read', 'fstat', 'close', 'write', 'fchmod', 'ftruncate', 'fsync', 'lstat', 'stat', 'readdir', 'mkdir']
SYNC.push(
  'rmdir',
  'rename',
  'chmod',
  'utimes',
  'lutimes',
  'readlink',
  'realpath',
  'readFile',
  'writeFile',
  'unlink',
  'link',
  'copyFile',
)

const stopAt = Number(process.env.STOP_AT)
let calls = Number.POSITIVE_INFINITY

for (const name of SYNC) {
  const call = fs[`${name}Sync`]
  fs[`${name}Sync`] = (...args) => {
    if (++calls === stopAt) {
      process.kill(process.pid, 'SIGSTOP')
      // The signal is taken before any of our code runs on: a moment is given to the kernel.
      const until = process.hrtime.bigint() + 20_000_000n
      while (process.hrtime.bigint() < until);
    }
    return call(...args)
  }
}

exports.begin = () => {
  calls = 0
}
