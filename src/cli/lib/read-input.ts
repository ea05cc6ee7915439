import { ExitError } from './exit-error.js'

/** Far more than a token has. */
const MAX_INPUT_BYTES = 1_048_576
/** The exit code of a program that SIGINT ended. */
const INTERRUPTED = 130

/**
 * Reads a value from standard input, so that it stands in no command line. One line break at the
 * end is not part of it. At a terminal it is asked for, and not shown.
 *
 * @throws ExitError (code 2) where there is none.
 */
export async function readValue(what: string): Promise<string> {
  const value = (process.stdin.isTTY ? await askHidden(what) : await readAll()).replace(/\r?\n$/, '')
  if (value === '') throw new ExitError(2, `${what} is read from standard input, which is empty`)
  return value
}

/** What another program wrote to standard input. A terminal has no request. */
export const readRequest = async (): Promise<string> => (process.stdin.isTTY ? '' : await readAll())

async function readAll(): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > MAX_INPUT_BYTES) throw new ExitError(2, 'Standard input has more than 1 MiB')
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Reads one line with the terminal's echo off. Ctrl-C ends the program as anywhere else. */
async function askHidden(what: string): Promise<string> {
  const { createInterface } = await import('node:readline')
  const { Writable } = await import('node:stream')
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
  // Only now is the echo off.
  process.stderr.write(`${what}: `)
  return new Promise((resolve) => {
    let isInterrupted = false
    const finish = (line: string) => {
      // Before the interface is closed, which ends in here again.
      resolve(line)
      lines.close()
    }
    lines.on('SIGINT', () => {
      isInterrupted = true
      // Should something else listen to the signal, and let the program end by itself.
      process.exitCode = INTERRUPTED
      lines.close()
      process.kill(process.pid, 'SIGINT')
    })
    lines.on('line', finish)
    lines.on('close', () => {
      process.stderr.write('\n')
      // The signal that is on its way ends the program: an empty value would be another reason.
      if (!isInterrupted) resolve('')
    })
  })
}

/** Asks a question whose answer is yes or no. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new ExitError(2, 'There is no terminal to ask at: give --yes')
  const { createInterface } = await import('node:readline')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  return new Promise((resolve) => {
    lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
    lines.on('close', () => resolve(false))
    lines.question(`${question} [y/N] `, (answer) => {
      resolve(/^(y|yes|是)$/i.test(answer.trim()))
      lines.close()
    })
  })
}
