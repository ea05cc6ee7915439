// Stops this process before the n-th system call of its commit, whatever the engine does in whatever
// order. It counts the synchronous calls of `fs` after `begin`. Environment: STOP_AT is n, from 1.
const fs = require('node:fs')

const COUNTED_CALLS = ['open', 'read', 'fstat', 'close', 'write', 'fchmod', 'ftruncate', 'fsync', 'lstat', 'stat', 'readdir']
COUNTED_CALLS.push('mkdir', 'rmdir', 'rename', 'chmod', 'utimes', 'lutimes', 'readlink', 'realpath', 'readFile')
COUNTED_CALLS.push('writeFile', 'unlink', 'link', 'copyFile')

/** How long the kernel may take to deliver the signal. */
const DELIVERY_NS = 20_000_000n

const stopAt = Number(process.env.STOP_AT)
let calls = Number.POSITIVE_INFINITY

for (const name of COUNTED_CALLS) {
  const call = fs[`${name}Sync`]
  fs[`${name}Sync`] = (...args) => {
    if (++calls === stopAt) {
      process.kill(process.pid, 'SIGSTOP')
      // The call must not run before the signal was delivered.
      const until = process.hrtime.bigint() + DELIVERY_NS
      while (process.hrtime.bigint() < until);
    }
    return call(...args)
  }
}

exports.begin = () => {
  calls = 0
}
