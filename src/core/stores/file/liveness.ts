import { join } from 'node:path'
import { monotonic, now } from '../../shared/clock.js'
import { hostname } from '../../shared/hostname.js'
import { OVERDUE_GRACE_MS } from '../../shared/lease-timing.js'
import { fingerprint, type Owner, parseOwner } from './file-names.js'
import * as io from './fs.js'

/**
 * Decides whether the holder of a lock is dead. No other file decides this.
 *
 * - A holder in this process scope (same host, boot and pid namespace) is judged by its pid. It is
 *   dead as soon as there is no such process, or another one with its pid. While it lives, however
 *   busy or suspended it is, it counts as dead only after its time-out and OVERDUE_GRACE_MS.
 * - A holder elsewhere is judged by its heartbeat, because pids repeat: it is dead when the
 *   heartbeat has not changed for HEARTBEAT_TIMEOUT_MS of this process's own monotonic clock.
 *
 * This file knows nothing of what the lock protects.
 */

/** A holder elsewhere counts as dead after this long without a change of its heartbeat. */
export const HEARTBEAT_TIMEOUT_MS = 10_000

/** A prepared lock from elsewhere counts as abandoned at this age. */
const ABANDONED_AGE_MS = 60_000

let cachedScope: string | undefined

/**
 * The fingerprint of this host, boot and pid namespace. Pids can be compared only between processes
 * with the same one.
 */
export function processScope(): string {
  cachedScope ??= fingerprint([hostname(), bootId(), pidNamespace()].join('\n'))
  return cachedScope
}

function bootId(): string {
  try {
    return io.readProc('/proc/sys/kernel/random/boot_id')
  } catch (error) {
    return emptyUnlessTransient(error)
  }
}

const NO_PROC_CODES = ['ENOENT', 'EACCES', 'EPERM', 'ENOTDIR']

/**
 * Returns '' for an error that means there is no /proc here: it will never be there. Throws any
 * other error, which may pass. If it were taken for a missing /proc, this process would have
 * another scope than its neighbours.
 */
function emptyUnlessTransient(error: unknown): '' {
  if ([...NO_PROC_CODES, io.PERMISSION_MODEL_DENIED].includes(io.codeOf(error) ?? '')) return ''
  throw error
}

/**
 * Whether libfaketime gives this process a monotonic clock of its own. Times in the names of owner files
 * mean nothing then, neither to this process nor to others.
 */
function isClockFaked(): boolean {
  const { LD_PRELOAD = '', FAKETIME_DONT_FAKE_MONOTONIC, DONT_FAKE_MONOTONIC } = process.env
  return LD_PRELOAD.includes('faketime') && ![FAKETIME_DONT_FAKE_MONOTONIC, DONT_FAKE_MONOTONIC].includes('1')
}

function pidNamespace(): string {
  if (process.platform !== 'linux') return ''
  if (isClockFaked()) return uniqueNamespace()
  try {
    // A /proc that shows another pid namespace does not show this process under its own pid.
    if (io.readLink('/proc/self') === String(process.pid)) return `${io.readLink('/proc/self/ns/pid')} ${timeNamespace()}`
  } catch (error) {
    emptyUnlessTransient(error)
  }
  return uniqueNamespace()
}

/** For an unknown namespace: a scope that no other process has makes heartbeats decide. */
const uniqueNamespace = (): string => `unknown ${process.pid} ${monotonic()} ${Math.random()}`

/** The monotonic clock can be compared only between processes of one time namespace. */
function timeNamespace(): string {
  try {
    return io.readLink('/proc/self/ns/time')
  } catch (error) {
    return emptyUnlessTransient(error)
  }
}

/**
 * The state and start time of a process, as the kernel reports them. `undefined` where the kernel
 * does not.
 */
function inspectProcess(pid: number | 'self'): { state: string; startTime: string } | undefined {
  try {
    const text = io.readProc(`/proc/${pid}/stat`)
    // The second field is the command in parentheses. It may hold any characters, so fields are
    // counted from its end.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [state, startTime] = [fields[0], fields[19]]
    return state && startTime ? { state, startTime } : undefined
  } catch {
    return undefined
  }
}

let cachedStartTime: string | undefined

/** The start time of this process. '0' where the system does not report it. */
export function processStartTime(): string {
  cachedStartTime ??= inspectProcess('self')?.startTime
  return cachedStartTime ?? '0'
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Any other code means that the process exists. EPERM: it belongs to another user.
    return io.codeOf(error) !== 'ESRCH'
  }
}

function isRunning(owner: Owner): boolean {
  if (!processExists(owner.pid)) return false
  const found = inspectProcess(owner.pid)
  if (found === undefined) return true
  // Z is a child that was not reaped, X is dead.
  if (found.state === 'Z' || found.state === 'X') return false
  return owner.processStart === '0' || found.startTime === owner.processStart
}

/**
 * By lock folder: the last heartbeat that this process saw there, and the monotonic time at which
 * it first saw it.
 */
const heartbeats = new Map<string, { heartbeat: string; firstSeenAt: number }>()

/** Frees what was seen of a lock. */
export const forgetHeartbeat = (lock: string): void => void heartbeats.delete(lock)

function isHeartbeatOverdue(lock: string, name: string): boolean {
  const found = io.stat(join(lock, name))
  if (found === undefined) {
    heartbeats.delete(lock)
    return false
  }
  // Compared for a change only: the times in it come from the clock of another machine.
  const heartbeat = `${name} ${found.ino} ${found.mtimeMs} ${found.ctimeMs}`
  const last = heartbeats.get(lock)
  if (last?.heartbeat !== heartbeat) {
    heartbeats.set(lock, { heartbeat, firstSeenAt: monotonic() })
    return false
  }
  return monotonic() - last.firstSeenAt > HEARTBEAT_TIMEOUT_MS
}

/**
 * Whether the holder of the lock is dead or overdue, so that it may be evicted. An owner's name
 * that this version cannot parse is judged by its heartbeat.
 */
export function isDead(lock: string, name: string): boolean {
  const owner = parseOwner(name)
  if (owner === undefined || owner.processScope !== processScope()) return isHeartbeatOverdue(lock, name)
  if (!isRunning(owner)) return true
  const ageMs = monotonic() - owner.acquiredAt
  // An acquisition in the future dates from before a reboot that the system does not distinguish
  // from this boot.
  return ageMs > owner.timeoutMs + OVERDUE_GRACE_MS || ageMs < -OVERDUE_GRACE_MS
}

/**
 * Checks a holder by at most one system call. `false`: the holder is gone. `true` says little:
 * `isDead` decides.
 */
export function mayBeAlive(name: string): boolean {
  const owner = parseOwner(name)
  return owner === undefined || owner.processScope !== processScope() || processExists(owner.pid)
}

/**
 * Whether a prepared lock can be removed because its process died. Nobody waits for a prepared
 * lock, so its age by the wall clock is good enough where the pid cannot be checked.
 */
export function isAbandoned(path: string, owner: Owner): boolean {
  if (owner.processScope === processScope()) return !isRunning(owner)
  const found = io.stat(path)
  return found !== undefined && now() - found.mtimeMs > ABANDONED_AGE_MS
}

/** `host:pid` for messages, as far as it is known. */
export function describeOwner(name: string): string {
  const owner = parseOwner(name)
  if (owner === undefined) return 'unknown'
  return owner.processScope === processScope() ? `${hostname()}:${owner.pid}` : `elsewhere:${owner.pid}`
}
