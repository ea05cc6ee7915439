/** The codes of system errors that Node gives only as "Unknown system error -116", by their number. */
const UNNAMED: Readonly<Record<number, string>> =
  process.platform === 'linux' ? { 116: 'ESTALE', 122: 'EDQUOT' } : { 69: 'EDQUOT', 70: 'ESTALE' }

/** The code of an error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  const { code, errno } = (error ?? {}) as NodeJS.ErrnoException
  return (code?.startsWith?.('Unknown system error') && UNNAMED[-(errno ?? 0)]) || code
}

/** How often an operation is tried again whose path leads to a file that is gone (ESTALE). */
const MAX_STALE_RETRIES = 3

/**
 * Runs an operation on a path. On NFS a path may still lead to a file that another machine has replaced
 * or removed (ESTALE). Another try looks the path up anew.
 */
export function withFreshPath<T>(operation: () => T): T {
  for (let retries = 0; ; retries++) {
    try {
      return operation()
    } catch (error) {
      if (retries === MAX_STALE_RETRIES || codeOf(error) !== 'ESTALE') throw error
    }
  }
}
