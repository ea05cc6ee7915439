import type { DogError } from 'dotdog'

/**
 * How the program ends. 1: there is no value. 2: wrong usage or configuration. 3: the upstream or
 * the store cannot be reached. 126, 127 and 128 + n are those of a command that `exec` runs.
 */
export type ExitCode = 1 | 2 | 3

/** An error that ends the program with its own exit code. */
export class ExitError extends Error {
  /** Each command is a file of its own with a class of its own, which `instanceof` would tell apart. */
  readonly isExitError = true

  constructor(
    readonly code: ExitCode,
    message: string,
    /** What the user can do, as a sentence of its own. */
    readonly hint?: string,
  ) {
    super(message)
  }

  static of(error: unknown): ExitError {
    if (isExitError(error)) return error
    const code = (error as { code?: unknown } | null)?.code
    // parseArgs quotes the argument, which may be a secret in the wrong place.
    if (String(code).startsWith('ERR_PARSE_ARGS')) return new ExitError(2, usageMessage(String(code)))
    // The user gave something wrong: an option, a configuration, or a place to listen at.
    if (error instanceof TypeError) return new ExitError(2, cleanMessage(error))
    return new ExitError(isUnreachable(error as Partial<DogError>) ? 3 : 1, cleanMessage(error))
  }
}

const isExitError = (error: unknown): error is ExitError => (error as Partial<ExitError> | null)?.isExitError === true

function usageMessage(code: string): string {
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return 'There is no such option'
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL') return 'There are too many arguments'
  return 'An option lacks its argument, or has one that it does not take'
}

/** Codes of an upstream from which no answer came. */
const TRANSPORT_CODE = /^((WECHAT|FETCHER)_(TRANSPORT|TIMEOUT)|E(CONN|HOST|NET|PIPE|TIMEDOUT|NOTFOUND|AI_)\w*|UND_ERR_\w+)$/

/** Whether nobody answered: neither the upstream nor the store. A store of files is always reachable. */
function isUnreachable(error: { code?: unknown; path?: unknown; cause?: unknown; details?: unknown } | null): boolean {
  if (error === null || typeof error !== 'object') return false
  if (error.code === 'ERR_DOG_FETCH_TIMEOUT') return true
  if (error.code === 'ERR_DOG_STORE') return error.path === undefined
  if (error.code !== 'ERR_DOG_FETCH') return false
  const codes = [error.details, error.cause].map((part) => String(Object(part).code))
  return codes.some((code) => TRANSPORT_CODE.test(code))
}

/** A message without the queries of URLs and without known values. */
export function cleanMessage(error: unknown): string {
  // Loaded here: a program that fails in its arguments starts without the engine.
  const dotdog = require('dotdog') as typeof import('dotdog')
  return (new dotdog.DogError('ERR_DOG_STORE', '', { cause: error ?? 'nothing' }).cause as Error).message
}
