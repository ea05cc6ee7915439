// A real Postgres for tests: one of their own on a private port, or the one that DATABASE_URL names.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'

export const USER = 'marked_owner'
/** Marked, so that a test can look for it wherever something is printed. */
export const PASSWORD = 'marked-password-5f0c'

export interface Server {
  url: string
  /** Only of a server of our own; undefined where DATABASE_URL names one. */
  control: Control | undefined
  admin(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** A name for a table that no other test has. It is dropped at the end. */
  table(): string
}

export interface Control {
  port: number
  /** As a crash: no connection is told, nothing is flushed. */
  restart(): Promise<void>
  kill(): Promise<void>
  start(): Promise<void>
  /** Stops (SIGSTOP) the server and all that it started, until resumed. */
  suspend(): void
  resume(): void
}

const mustBeThere = (): boolean => Boolean(process.env.DOTDOG_REQUIRE_ENGINES)

/** Runs the tests with a server, or says that it skips them. */
export async function withServer(t: Test, tests: (server: Server) => void | Promise<void>): Promise<void> {
  const given = process.env.DATABASE_URL || undefined
  const binaries = given === undefined ? findBinaries() : undefined
  if (given === undefined && binaries === undefined) {
    const reason = 'no Postgres: initdb and postgres are neither on PATH nor in /usr/lib/postgresql, and no DATABASE_URL is set'
    if (mustBeThere()) t.fail(reason)
    else t.pass('with a real Postgres', { skip: reason })
    return
  }
  const control = binaries === undefined ? undefined : await OwnServer.make(binaries)
  const url = given ?? `postgres://${USER}:${PASSWORD}@127.0.0.1:${control!.port}/postgres`
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
  await tests({ url, control, admin, table })
}

function findBinaries(): string | undefined {
  const versions = '/usr/lib/postgresql'
  const installed = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...installed.map((version) => join(versions, version, 'bin'))]
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
  // Beside its own binary it finds what it needs.
  return found && dirname(realpathSync(join(found, 'postgres')))
}

/** Postgres refuses to run as root. */
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
    // Not the better scram-sha-256: dozens of connections at once would cost the machine half a second.
    const options = ['-U', USER, '-A', 'md5', '--pwfile', passwordFile, '-E', 'UTF8', '--locale=C', '--no-sync']
    execFileSync(join(binaries, 'initdb'), ['-D', join(folder, 'data'), ...options], { ...as, cwd: folder, stdio: 'pipe' })
    const server = new OwnServer(binaries, folder, await freePort())
    await server.start()
    // Also after a test that did not come to its end.
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
    // An immediate shutdown: the postmaster ends its own.
    child.kill('SIGQUIT')
    await exited
  }

  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  suspend(): void {
    const pid = this.#process!.pid!
    // First the one that would start more.
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
        // It was ending already when it was stopped.
      }
    }
  }

  async end(): Promise<void> {
    this.resume()
    if (this.#process?.exitCode === null) await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
