import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** What stands between the processes and Redis: it can lead elsewhere, or cut the line at the worst moment. */
export interface Proxy {
  readonly port: number
  readonly url: string
  /** Where new connections lead. */
  target: number
  /** Connections on which such bytes are sent are cut when Redis has got them and answered, before the answer is passed on. */
  cutAt: ((chunk: Buffer) => boolean) | undefined
  /** So often it was cut like that. */
  cuts: number
  /** So many of the next connections are reset as soon as they are made. */
  resets: number
  /** Ends all connections. */
  cut(): void
  /** Whoever is connected gets nothing any more, and is not told. */
  silence(): void
}

export async function startProxy(t: Test, target: number): Promise<Proxy> {
  const open = new Set<Socket>()
  let connections = 0
  /** The last of those that get nothing. */
  let silent = 0
  const server = createServer((client) => {
    if (proxy.resets > 0) {
      proxy.resets--
      client.on('error', () => {})
      return client.resetAndDestroy()
    }
    const upstream = connect(proxy.target, '127.0.0.1')
    let isDoomed = false
    const number = ++connections
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        other.destroy()
      })
    }
    client.on('data', (chunk) => {
      isDoomed ||= proxy.cutAt?.(chunk) === true
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (number <= silent) return
      if (!isDoomed) return client.write(chunk)
      proxy.cuts++
      client.resetAndDestroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const proxy: Proxy = {
    port,
    url: `redis://127.0.0.1:${port}`,
    target,
    cutAt: undefined,
    cuts: 0,
    resets: 0,
    cut: () => {
      for (const socket of open) socket.destroy()
    },
    silence: () => {
      silent = connections
    },
  }
  t.teardown(() => {
    proxy.cut()
    server.close()
  })
  return proxy
}
