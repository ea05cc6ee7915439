import { writeSync } from 'node:fs'

/** What standard output is: a terminal or not, how wide, in colour or not. */
export interface Output {
  isTerminal: boolean
  /** Columns; Infinity where the output is no terminal. */
  width: number
  isColored: boolean
}

export function outputOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Output {
  const isTerminal = stream.isTTY === true
  // https://no-color.org: any value but an empty one.
  const isColored = isTerminal && !env.NO_COLOR && env.TERM !== 'dumb'
  return { isTerminal, width: isTerminal ? stream.columns || 80 : Number.POSITIVE_INFINITY, isColored }
}

const STDOUT = 1

/**
 * Writes to standard output. Resolves when the system has taken everything. A small text is written
 * at once: `process.stdout` takes a start several milliseconds to set up.
 */
export async function write(text: string): Promise<void> {
  let rest = Buffer.from(text)
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(STDOUT, rest))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EPIPE') leaveClosedPipe()
    if (code !== 'EAGAIN') throw error
    // A pipe that is full and does not block: the stream waits for its reader.
    await new Promise<void>((resolve) => {
      process.stdout.on('error', leaveClosedPipe)
      process.stdout.write(rest, () => resolve())
    })
  }
}

/** A reader that closed its pipe (dotdog … | head) is no failure, and wants no more. */
const leaveClosedPipe = (): never => process.exit(0)
