import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/**
 * A proxy between stores and a server. It can lead elsewhere, and cut connections at the worst
 * moment.
 */
export interface Proxy {
  readonly port: number
  /** The port to which new connections lead. */
  target: number
  /**
   * Says of bytes that a client sends whether its connection is cut when the server has executed
   * them and replied, before the reply is passed on.
   */
  cutAt: ((chunk: Buffer) => boolean) | undefined
  /**
   * Replaces the bytes that the server sends. `undefined` passes them on; `end` closes the
   * connection after the replacement.
   */
  onReply: ((chunk: Buffer) => { end: Buffer } | undefined) | undefined
  /** Connections that were cut by `cutAt`. */
  cuts: number
  /** The number of coming connections that are reset as soon as they are made. */
  resets: number
  /** Ends all connections. */
  cut(): void
  /**
   * Passes no more replies to the clients that are connected now, without closing their
   * connections.
   */
  silence(): void
}

export async function startProxy(t: Test, target: number): Promise<Proxy> {
  const open = new Set<Socket>()
  let connections = 0
  /** The number of the last connection that gets no replies. */
  let lastSilent = 0
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
      if (number <= lastSilent) return
      if (isDoomed) {
        proxy.cuts++
        return client.resetAndDestroy()
      }
      const replacement = proxy.onReply?.(chunk)
      if (replacement === undefined) return client.write(chunk)
      client.end(replacement.end)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const proxy: Proxy = {
    port,
    target,
    cutAt: undefined,
    onReply: undefined,
    cuts: 0,
    resets: 0,
    cut: () => {
      for (const socket of open) socket.destroy()
    },
    silence: () => {
      lastSilent = connections
    },
  }
  t.teardown(() => {
    proxy.cut()
    server.close()
  })
  return proxy
}
