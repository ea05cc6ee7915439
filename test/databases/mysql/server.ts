// A real MariaDB for tests: a server of our own on a free port.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createConnection } from 'mysql2/promise'
import type { Test } from 'tap'
import { until } from '../../support/timing.js'
import { freePort } from '../support/free-port.js'

export const DATABASE = 'dotdog_test'
/** A marked text, which tests search for in everything that is printed. */
export const PASSWORD = 'marked-password-5f0c'

export type Row = Record<string, unknown>

export interface Server {
  readonly port: number
  /** The address of the user who may do everything in the database of the tests. */
  url(user?: string): string
  /** Runs statements as the administrator. */
  admin(text: string, values?: unknown[]): Promise<Row[]>
  /** Makes a user who may do everything in the database of the tests, if there is none of that name. */
  ensureUser(name: string): void
  /** Returns a table name that no other test uses. */
  table(): string
  kill(): Promise<void>
  start(): Promise<void>
  suspend(): void
  resume(): void
}

const programs = ['mariadbd', 'mariadb-install-db', 'mariadb'].map((name) =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path)),
)
const [daemon, installer, client] = programs as [string, string, string]

/** Why MariaDB cannot run on this machine; `undefined` if it can. */
export const unavailable: string | undefined = programs.includes(undefined)
  ? 'no MariaDB: mariadbd, mariadb-install-db and mariadb are neither on PATH nor in /usr/sbin'
  : undefined

/** Whether tests fail where MariaDB cannot run, instead of being skipped. */
export const isRequired = Boolean(process.env.DOTDOG_REQUIRE_ENGINES)

/** Runs tests with a server. Without MariaDB they are skipped, or fail if it is required. */
export async function withServer(t: Test, tests: (server: Server) => void | Promise<void>): Promise<void> {
  if (unavailable === undefined) await tests(await startMariadb(t))
  else if (isRequired) t.fail(unavailable)
  else t.pass('with a real MariaDB', { skip: unavailable })
}

/** Starts a server that ends with the test. */
export async function startMariadb(t: Test, settings: string[] = []): Promise<Server> {
  const server = await OwnServer.make(settings)
  t.teardown(() => server.end())
  return server
}

class OwnServer implements Server {
  #process: ChildProcess | undefined
  #tables = 0
  readonly #users = new Set<string>()

  constructor(
    readonly folder: string,
    readonly port: number,
    readonly settings: string[],
  ) {}

  static async make(settings: string[]): Promise<OwnServer> {
    const folder = mkdtempSync(join(tmpdir(), 'dotdog-mysql-'))
    const own = ['--no-defaults', `--datadir=${join(folder, 'data')}`, '--auth-root-authentication-method=normal']
    const asRoot = process.getuid?.() === 0 ? ['--user=root'] : []
    execFileSync(installer, [...own, ...asRoot, '--skip-test-db'], { cwd: folder, stdio: 'pipe' })
    const server = new OwnServer(folder, await freePort(), settings)
    await server.start()
    server.#runSync(`CREATE DATABASE ${DATABASE}`)
    server.ensureUser('marked_owner')
    // A test that was aborted runs no teardown.
    process.once('exit', () => server.#process?.kill('SIGKILL'))
    return server
  }

  get #socket(): string {
    return join(this.folder, 's')
  }

  async start(): Promise<void> {
    const settings = {
      datadir: join(this.folder, 'data'),
      socket: this.#socket,
      'bind-address': '127.0.0.1',
      port: this.port,
      // What was committed outlives a killed server, though not a power cut.
      'innodb-flush-log-at-trx-commit': 2,
      'innodb-buffer-pool-size': '32M',
      'max-connections': 300,
      ...(process.getuid?.() === 0 && { user: 'root' }),
    }
    const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
    const child = spawn(daemon, ['--no-defaults', ...args, '--skip-name-resolve', ...this.settings], {
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#process = child
    let log = ''
    child.stderr.on('data', (chunk) => (log = `${log}${chunk}`.slice(-10_000)))
    const isReady = () => {
      if (child.exitCode !== null) throw new Error(`MariaDB ended: ${log}`)
      return log.includes('ready for connections')
    }
    await until(isReady, { what: 'MariaDB is ready', timeoutMs: 60_000 })
  }

  url(user = 'marked_owner'): string {
    return `mysql://${user}:${PASSWORD}@127.0.0.1:${this.port}/${DATABASE}`
  }

  async admin(text: string, values: unknown[] = []): Promise<Row[]> {
    const connection = await createConnection({ socketPath: this.#socket, user: 'root', database: DATABASE })
    try {
      const [rows] = await connection.query(text, values)
      return rows as Row[]
    } finally {
      await connection.end()
    }
  }

  #runSync(statements: string): void {
    execFileSync(client, ['--no-defaults', `--socket=${this.#socket}`, '--user=root', '-e', statements], { stdio: 'pipe' })
  }

  ensureUser(name: string): void {
    if (this.#users.has(name)) return
    this.#users.add(name)
    this.#runSync(`CREATE USER ${name} IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON ${DATABASE}.* TO ${name}`)
  }

  table(): string {
    return `dotdog_${process.pid}_${this.#tables++}`
  }

  async kill(): Promise<void> {
    const child = this.#process!
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
  }

  suspend(): void {
    this.#process!.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  async end(): Promise<void> {
    this.resume()
    if (this.#process?.exitCode === null && this.#process.signalCode === null) await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
