// An `fs` whose n-th call fails. Every function that the engine, or a package it uses, can call is
// replaced before any of them is loaded. The engine is loaded anew for each run, so that it
// remembers nothing.
const fs = require('node:fs')
const { createRequire } = require('node:module')
const { join, resolve } = require('node:path')
const { compileFunction } = require('node:vm')

const CODES = { EACCES: -13, EPERM: -1, EROFS: -30, ENOSPC: -28, EIO: -5, EMFILE: -24, ENOTDIR: -20, EBUSY: -16 }
const SYNC = [
  'open',
  'read',
  'fstat',
  'close',
  'write',
  'fchmod',
  'fchown',
  'chown',
  'ftruncate',
  'fsync',
  'lstat',
  'stat',
  'readdir',
  'opendir',
  'mkdir',
]
SYNC.push('rmdir', 'rename', 'chmod', 'utimes', 'lutimes', 'readlink', 'realpath', 'readFile', 'unlink')
const CALLBACKS = ['realpath', 'stat', 'open', 'write', 'close', 'chown', 'chmod', 'rename', 'unlink', 'fsync']

// proper-lockfile is loaded once, before, as loading is not under test.
require('proper-lockfile')
const real = { ...fs }

let plan
/** A call that makes other calls counts as one call. */
let isInside = false

/**
 * Counts calls from now on, and makes those from number `from` to number `to` fail. With `isOn`
 * false, counting begins when the caller sets it.
 */
function planFaults(from, to, code, more) {
  plan = { from, to, code, isOn: true, calls: 0, failed: [], ...more }
  return plan
}
function endFaults() {
  plan = undefined
}

/** Acts as another process: its calls are not counted, and none fails. */
function elsewhere(act) {
  const wasInside = isInside
  isInside = true
  try {
    act()
  } finally {
    isInside = wasInside
  }
}

/** The error that a call must end in, or undefined. `what` is a path or a file descriptor. */
function failure(name, what) {
  if (plan === undefined || !plan.isOn || isInside) return undefined
  if (plan.trusts !== undefined && String(what).startsWith(plan.trusts)) return undefined
  plan.calls++
  if (plan.calls < plan.from || plan.calls > plan.to) return undefined
  plan.failed.push(name)
  const error = new Error(`${plan.code}: injected, ${name} '${what}'`)
  return Object.assign(error, { errno: CODES[plan.code], code: plan.code, syscall: name, path: what })
}
for (const name of SYNC) {
  const call = real[`${name}Sync`]
  fs[`${name}Sync`] = (...args) => {
    const error = failure(`${name}Sync`, args[0])
    // A close that fails has closed the file nevertheless.
    if (error === undefined || name === 'close') {
      const wasInside = isInside
      isInside = true
      try {
        const result = call(...args)
        if (error === undefined) return result
      } finally {
        isInside = wasInside
      }
    }
    throw error
  }
}
for (const name of CALLBACKS) {
  const call = real[name]
  fs[name] = (...args) => {
    const error = failure(name, args[0])
    if (error === undefined) return call(...args)
    if (name === 'close') return call(args[0], () => args.at(-1)(error))
    process.nextTick(args.at(-1), error)
  }
}
fs.watch = (...args) => {
  const error = failure('watch', args[0])
  if (error !== undefined) throw error
  return real.watch(...args)
}
const REPLACED = [...SYNC.map((name) => `${name}Sync`), 'watch']

const build = resolve(process.env.BUILD ?? join(__dirname, '../../../dist/engine.js'))
const names = ['exports', 'require', 'module', '__filename', '__dirname']
const engine = compileFunction(real.readFileSync(build, 'utf8'), names, { filename: build })
const requireThere = createRequire(build)
function load() {
  const module = { exports: {} }
  engine(module.exports, requireThere, module, build, join(build, '..'))
  return module.exports
}

module.exports = { CODES, REPLACED, elsewhere, endFaults, load, planFaults, real }
