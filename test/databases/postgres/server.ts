// A real Postgres for tests: a server of our own on a free port, or the one that DATABASE_URL
// names.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'
import { freePort } from '../support/free-port.js'

export const USER = 'marked_owner'
/** A marked text, which tests search for in everything that is printed. */
export const PASSWORD = 'marked-password-5f0c'

export interface Server {
  url: string
  /** `undefined`: the server is not ours, DATABASE_URL names it. */
  control: Control | undefined
  admin(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** Returns a table name that no other test uses. The table is dropped at the end. */
  table(): string
}

export interface Control {
  port: number
  /**
   * Ends the server like a crash: no connection is closed in an orderly way, nothing is flushed.
   */
  kill(): Promise<void>
  start(): Promise<void>
  /** `kill`, then `start`. */
  restart(): Promise<void>
  /** Stops (SIGSTOP) the server and all of its processes, until it is resumed. */
  suspend(): void
  resume(): void
}

const givenUrl = process.env.DATABASE_URL || undefined
const binaries = givenUrl === undefined ? findBinaries() : undefined

/**
 * Why Postgres cannot run on this machine; `undefined` if it can, or if DATABASE_URL names a
 * server.
 */
export const unavailable: string | undefined =
  givenUrl === undefined && binaries === undefined
    ? 'no Postgres: initdb and postgres are neither on PATH nor in /usr/lib/postgresql, and no DATABASE_URL is set'
    : undefined

/** Whether tests fail where Postgres cannot run, instead of being skipped. */
export const isRequired = Boolean(process.env.DOTDOG_REQUIRE_ENGINES)

/**
 * Starts a server that ends with the test, or takes the one of DATABASE_URL and drops its tables.
 */
export async function startPostgres(t: Test): Promise<Server> {
  const control = binaries === undefined ? undefined : await OwnServer.make(binaries)
  const url = givenUrl ?? `postgres://${USER}:${PASSWORD}@127.0.0.1:${control!.port}/postgres`
  const tables: string[] = []
  const admin: Server['admin'] = async (text, values) => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query(text, values)).rows
    } finally {
      await client.end()
    }
  }
  const table = () => {
    const name = `dotdog_${process.pid}_${tables.length}`
    tables.push(name)
    return name
  }
  t.teardown(async () => {
    if (control !== undefined) return await control.end()
    for (const name of tables) await admin(`DROP TABLE IF EXISTS ${name}`)
  })
  return { url, control, admin, table }
}

/** Runs tests with a server. Without Postgres they are skipped, or fail if it is required. */
export async function withServer(t: Test, tests: (server: Server) => void | Promise<void>): Promise<void> {
  if (unavailable === undefined) await tests(await startPostgres(t))
  else if (isRequired) t.fail(unavailable)
  else t.pass('with a real Postgres', { skip: unavailable })
}

function findBinaries(): string | undefined {
  const versions = '/usr/lib/postgresql'
  const installed = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...installed.map((version) => join(versions, version, 'bin'))]
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
  // Postgres finds its other files relative to the real path of its binary.
  return found && dirname(realpathSync(join(found, 'postgres')))
}

/** The account that runs the server: Postgres refuses to run as root. */
function account(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('postgres:'))
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined) throw new Error('Postgres does not run as root, and there is no user "postgres"')
  return { uid: Number(uid), gid: Number(gid) }
}

class OwnServer implements Control {
  #process: ChildProcess | undefined
  #suspended: number[] = []

  constructor(
    readonly binaries: string,
    readonly folder: string,
    readonly port: number,
  ) {}

  static async make(binaries: string): Promise<OwnServer> {
    const folder = mkdtempSync(join(tmpdir(), 'dotdog-pg-'))
    const as = account()
    const passwordFile = join(folder, 'password')
    writeFileSync(passwordFile, PASSWORD)
    if (as) for (const path of [folder, passwordFile]) chownSync(path, as.uid, as.gid)
    // scram-sha-256 would be better, but dozens of connections at once would cost the machine half
    // a second.
    const options = ['-U', USER, '-A', 'md5', '--pwfile', passwordFile, '-E', 'UTF8', '--locale=C', '--no-sync']
    execFileSync(join(binaries, 'initdb'), ['-D', join(folder, 'data'), ...options], { ...as, cwd: folder, stdio: 'pipe' })
    const server = new OwnServer(binaries, folder, await freePort())
    await server.start()
    // A test that was aborted runs no teardown.
    process.once('exit', () => server.#process?.kill('SIGQUIT'))
    return server
  }

  async start(): Promise<void> {
    const settings = { listen_addresses: '127.0.0.1', port: this.port, unix_socket_directories: this.folder, fsync: 'off' }
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = spawn(join(this.binaries, 'postgres'), ['-D', join(this.folder, 'data'), ...args], {
      ...account(),
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#process = child
    let log = ''
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk) => {
        log = `${log}${chunk}`.slice(-10_000)
        if (log.includes('ready to accept connections')) resolve()
      })
      child.on('exit', () => reject(new Error(`Postgres ended: ${log}`)))
    })
  }

  async kill(): Promise<void> {
    const child = this.#process!
    const exited = new Promise((resolve) => child.once('exit', resolve))
    // An immediate shutdown: the postmaster ends its children.
    child.kill('SIGQUIT')
    await exited
  }

  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  suspend(): void {
    const pid = this.#process!.pid!
    // The postmaster first: it would start more processes.
    process.kill(pid, 'SIGSTOP')
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
    for (const child of children) process.kill(child, 'SIGSTOP')
    this.#suspended = [pid, ...children]
  }

  resume(): void {
    const pids = this.#suspended.reverse()
    this.#suspended = []
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGCONT')
      } catch {
        // The process was already ending when it was stopped.
      }
    }
  }

  async end(): Promise<void> {
    this.resume()
    if (this.#process?.exitCode === null) await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
