import { join } from 'node:path'
import { monotonic, now } from '../../shared/clock.js'
import { hostname } from '../../shared/hostname.js'
import { fingerprint, type Owner, parseOwner } from './file-names.js'
import * as io from './fs.js'

/**
 * Who is dead? The one place that judges. A living process is never robbed before its time-out and a grace, however busy or
 * suspended it is; a dead one is robbed at once. Knows nothing of what the lock protects.
 */

/** Milliseconds a living holder is given after its time-out. */
export const OVERDUE_GRACE_MS = 2000
/** Milliseconds without a heartbeat after which a holder elsewhere counts as dead, by the observer's own clock. */
export const HEARTBEAT_TIMEOUT_MS = 10_000

let place: string | undefined

/** Where pids can be compared: this host, this boot, this pid namespace. */
export function processScope(): string {
  place ??= fingerprint([hostname(), bootId(), pidNamespace()].join('\n'))
  return place
}

function bootId(): string {
  try {
    return io.readProc('/proc/sys/kernel/random/boot_id')
  } catch (error) {
    return unlessTransient(error)
  }
}

/** Where there is no /proc there never will be; any other fault must not make this process a stranger to its neighbours. */
function unlessTransient(error: unknown): '' {
  if (['ENOENT', 'EACCES', 'EPERM', 'ENOTDIR'].includes(io.codeOf(error) ?? '')) return ''
  throw error
}

function pidNamespace(): string {
  if (process.platform !== 'linux') return ''
  try {
    // Where /proc shows another namespace than ours, it does not show us under our pid.
    if (io.readLink('/proc/self') === String(process.pid)) return `${io.readLink('/proc/self/ns/pid')} ${timeNamespace()}`
  } catch (error) {
    unlessTransient(error)
  }
  // Not to be told: then nobody is our neighbour, and heartbeats decide.
  return `unknown ${process.pid} ${monotonic()} ${Math.random()}`
}

/** The monotonic clock can be compared only within one. */
function timeNamespace(): string {
  try {
    return io.readLink('/proc/self/ns/time')
  } catch (error) {
    return unlessTransient(error)
  }
}

/** State and start time of a process, from the kernel. Undefined where it cannot be told. */
function inspectProcess(pid: number | 'self'): { state: string; start: string } | undefined {
  try {
    const text = io.readProc(`/proc/${pid}/stat`)
    // The second field is the command in parentheses, and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [state, start] = [fields[0], fields[19]]
    return state && start ? { state, start } : undefined
  } catch {
    return undefined
  }
}

let start: string | undefined

/** Our own start time. '0' where the system does not tell. */
export function processStartTime(): string {
  start ??= inspectProcess('self')?.start
  return start ?? '0'
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return io.codeOf(error) !== 'ESRCH'
  }
}

function isRunning(owner: Owner): boolean {
  if (!processExists(owner.pid)) return false
  const seen = inspectProcess(owner.pid)
  if (seen === undefined) return true
  if (seen.state === 'Z' || seen.state === 'X') return false
  return owner.start === '0' || seen.start === owner.start
}

/** What this process saw last of holders elsewhere, by lock folder. */
const heartbeats = new Map<string, { beat: string; seen: number }>()

function isSilent(lock: string, name: string): boolean {
  const found = io.stat(join(lock, name))
  if (found === undefined) {
    heartbeats.delete(lock)
    return false
  }
  const beat = `${name} ${found.ino} ${found.mtimeMs} ${found.ctimeMs}`
  const last = heartbeats.get(lock)
  if (last?.beat !== beat) {
    heartbeats.set(lock, { beat, seen: monotonic() })
    return false
  }
  return monotonic() - last.seen > HEARTBEAT_TIMEOUT_MS
}

/** Whether the holder of the lock may be robbed. A name that this version cannot parse is judged by its heartbeat. */
export function isDead(lock: string, name: string): boolean {
  const owner = parseOwner(name)
  if (owner === undefined || owner.processScope !== processScope()) return isSilent(lock, name)
  if (!isRunning(owner)) return true
  const age = monotonic() - owner.acquiredAt
  // A take later than now is from before a boot that this system does not tell from the last one.
  return age > owner.timeout + OVERDUE_GRACE_MS || age < -OVERDUE_GRACE_MS
}

/** What can be told of a holder by one system call: false, if it is gone. True says little: `isDead` judges. */
export function mayBeAlive(name: string): boolean {
  const owner = parseOwner(name)
  return owner === undefined || owner.processScope !== processScope() || processExists(owner.pid)
}

/** Whether what a process prepares, and nobody waits for, can be swept: its place in time does not matter to anyone. */
export function isAbandoned(path: string, owner: Owner): boolean {
  if (owner.processScope === processScope()) return !isRunning(owner)
  const found = io.stat(path)
  return found !== undefined && now() - found.mtimeMs > 60_000
}

/** `host:pid` for messages, as far as it can be told. */
export function describeOwner(name: string): string {
  const owner = parseOwner(name)
  if (owner === undefined) return 'unknown'
  return owner.processScope === processScope() ? `${hostname()}:${owner.pid}` : `elsewhere:${owner.pid}`
}
