/** The codes of system errors that Node gives only as "Unknown system error -116", by their number. */
const UNNAMED: Readonly<Record<number, string>> =
  process.platform === 'linux' ? { 116: 'ESTALE', 122: 'EDQUOT' } : { 69: 'EDQUOT', 70: 'ESTALE' }

/** The code of an error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  const { code, errno } = (error ?? {}) as NodeJS.ErrnoException
  return (code?.startsWith?.('Unknown system error') && UNNAMED[-(errno ?? 0)]) || code
}
