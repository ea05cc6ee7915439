import { DogError } from 'dotdog'

/** An error that ends the program with its own exit code. */
export class ExitError extends Error {
  constructor(
    /** 1: it failed. 2: wrong usage or configuration. 3: unreachable. */
    readonly code: 1 | 2 | 3,
    message: string,
  ) {
    super(message)
  }

  static of(error: unknown): ExitError {
    if (error instanceof ExitError) return error
    const code = (error as { code?: unknown } | null)?.code
    // The user gave something wrong: an option (parseArgs), a configuration, or a place to listen
    // at.
    const isMisuse = error instanceof TypeError || String(code).startsWith('ERR_PARSE_ARGS')
    return new ExitError(isMisuse ? 2 : 1, cleanMessage(error))
  }
}

/** A message without the queries of URLs and without known values. */
export const cleanMessage = (error: unknown): string =>
  (new DogError('ERR_DOG_STORE', '', { cause: error ?? 'nothing' }).cause as Error).message
