import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { untilStopped } from '../../support/children.js'
import type { StoreConfig } from '../support/engine.js'
import { freePort } from '../support/free-port.js'

/** Real Redis servers of our own, on free ports. */

/** Why Redis cannot run on this machine; `undefined` if it can. */
export const unavailable: string | undefined =
  spawnSync('redis-server', ['--version']).error && 'redis-server is not installed: nothing of this is tested here'

/** Whether tests fail where Redis cannot run, instead of being skipped. */
export const isRequired = Boolean(process.env.CI || process.env.DOTDOG_REQUIRE_ENGINES)

/** Options of a test that needs `redis-server`. */
export const engine: { skip?: string } = unavailable !== undefined && !isRequired ? { skip: unavailable } : {}

/** What a worker needs to open a store with these options of `redisStore`. */
export const configOf = (options: object): StoreConfig => ({ engine: 'redis', options })

export const urlOf = (port: number): string => `redis://127.0.0.1:${port}`

export interface Server {
  readonly port: number
  readonly url: string
  readonly pid: number
  readonly process: ChildProcess
  /** A client for the test itself. No store uses it. */
  readonly admin: Redis
  kill(): Promise<void>
  /** Suspends the server (SIGSTOP) until it is resumed. */
  pause(): Promise<void>
  resume(): void
}

export interface ServerOptions {
  port?: number
  args?: string[]
}

/** Starts an empty server that writes nothing to disk. It is killed when the test ends. */
export async function startRedis(t: Test, { port, args = [] }: ServerOptions = {}): Promise<Server> {
  const at = port ?? (await freePort())
  const dir = mkdtempSync(join(tmpdir(), 'dotdog-redis-'))
  const base = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir, '--repl-diskless-sync-delay', '0']
  const child = spawn('redis-server', [...base, '--port', String(at), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ready = new Promise<void>((resolve, reject) => {
    let log = ''
    child.stdout.on('data', (chunk) => {
      log += chunk
      if (/Ready to accept connections/.test(log)) resolve()
    })
    child.on('exit', () => reject(new Error(`redis-server ended: ${log}`)))
    child.on('error', reject)
  })
  const gone = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const client = new Redis({ port: at, host: '127.0.0.1', lazyConnect: true })
  client.on('error', () => {})
  const server: Server = {
    port: at,
    url: `redis://127.0.0.1:${at}`,
    pid: child.pid!,
    process: child,
    admin: client,
    kill: async () => {
      client.disconnect()
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await gone
    },
    pause: async () => {
      child.kill('SIGSTOP')
      await untilStopped(child.pid!)
    },
    resume: () => void child.kill('SIGCONT'),
  }
  t.teardown(async () => {
    await server.kill()
    rmSync(dir, { recursive: true, force: true })
  })
  await ready
  return server
}

/** Starts a cluster of three masters that share the slots. */
export async function startCluster(t: Test): Promise<Server[]> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '5000']
  const servers: Server[] = []
  for (let i = 0; i < 3; i++) {
    // The cluster bus has a port of its own. Its default, 10,000 above, may be in use.
    const [port, bus] = [await freePort(), await freePort()]
    servers.push(await startRedis(t, { port, args: [...args, '--cluster-port', String(bus)] }))
    const [from, to] = [Math.floor((i * 16384) / 3), Math.floor(((i + 1) * 16384) / 3) - 1]
    await servers[i]!.admin.call('CLUSTER', 'ADDSLOTSRANGE', from, to)
    if (i > 0) await servers[0]!.admin.call('CLUSTER', 'MEET', '127.0.0.1', port, bus)
    await servers[i]!.admin.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1).catch(() => {})
  }
  for (const { admin } of servers) {
    const isReady = async () => {
      const [info, slots] = [String(await admin.cluster('INFO')), await admin.cluster('SLOTS')]
      return /cluster_state:ok/.test(info) && slots.length === 3
    }
    while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return servers
}
