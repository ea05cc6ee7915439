// What the program says, and how it ends.
import { DogError } from 'dotdog'

export const USAGE = `dotdog: keeps expiring secrets.

  dotdog serve            serves the keys of this machine to others
    --config <file>       default: dotdog.config.json in the working folder, if there is one
    --socket <path>       listens at a unix socket (mode 0600)
    --port <n>            listens on TCP; needs clients in the configuration
    --host <address>      with --port; default 127.0.0.1
    --behind-proxy        a proxy in front has TLS, and names the callers
    --tls-cert <file>     the certificate and its key, in PEM
    --tls-key <file>
    --log                 a line a request on standard output
  dotdog token <client>   makes a client's token: the token on standard output, its entry for the configuration on
                          standard error
  dotdog --help, --version

Exit codes: 0 well, 1 failed, 2 wrong usage or configuration, 3 unreachable.`

/** An end of the program with a code of its own. */
export class Failure extends Error {
  constructor(
    readonly code: 1 | 2 | 3,
    message: string,
  ) {
    super(message)
  }

  static of(error: unknown): Failure {
    if (error instanceof Failure) return error
    const code = (error as { code?: unknown } | null)?.code
    // What the user gave is wrong: an option (parseArgs), a configuration, the place to listen at.
    const isMisuse = error instanceof TypeError || String(code).startsWith('ERR_PARSE_ARGS')
    return new Failure(isMisuse ? 2 : 1, cleanMessage(error))
  }
}

/** A message without URLs' queries and known values. */
export const cleanMessage = (error: unknown): string =>
  (new DogError('ERR_DOG_STORE', '', { cause: error ?? 'nothing' }).cause as Error).message
