import type { Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'

/** While the server closes, connections are checked at this interval. */
const SWEEP_INTERVAL_MS = 50
/** A shutdown does not wait for an incomplete request that sent no byte for this long. */
const STALLED_AFTER_MS = 1000
/**
 * Requests on one connection at a time. Each may have to keep an answer of a megabyte until the
 * client reads it.
 */
const MAX_PIPELINED_REQUESTS = 32

interface Progress {
  bytesRead: number
  /** Monotonic time of the last change. */
  changedAtMs: number
}

/**
 * Knows the connections of a server, and whether a request is under way on each. A shutdown waits
 * only for those requests: not for a client that is silent, that stopped in the middle of a
 * request, or that is still at its TLS handshake.
 */
export class Connections {
  readonly #server: Server
  readonly #open = new Map<Socket, Progress>()
  /**
   * Sockets in a TLS handshake, by peer. The finished connection is another object with the same
   * peer.
   */
  readonly #handshakes = new Map<string, Socket>()
  /**
   * The responses of each connection, in order. A finished one stays until the next request:
   * removing it earlier would cost a listener for each.
   */
  readonly #responses = new WeakMap<Socket, ServerResponse[]>()

  constructor(server: Server, isTls: boolean) {
    this.#server = server
    server.on('connection', (socket) => {
      this.#add(socket)
      if (isTls) this.#handshakes.set(peerOf(socket), socket)
    })
    if (!isTls) return
    server.on('secureConnection', (socket: Socket) => {
      const raw = this.#handshakes.get(peerOf(socket))
      this.#handshakes.delete(peerOf(socket))
      if (raw !== undefined) this.#open.delete(raw)
      this.#add(socket)
    })
  }

  #add(socket: Socket): void {
    this.#open.set(socket, { bytesRead: 0, changedAtMs: performance.now() })
    // Each waiting request adds a listener for the end of the connection.
    socket.setMaxListeners(0)
    const peer = peerOf(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      if (this.#handshakes.get(peer) === socket) this.#handshakes.delete(peer)
    })
  }

  /**
   * Adds the response to a new request. Returns false if too many are pipelined on its connection.
   */
  addResponse(socket: Socket, response: ServerResponse): boolean {
    let responses = this.#responses.get(socket)
    if (responses === undefined) this.#responses.set(socket, (responses = []))
    while (responses[0]?.writableFinished) responses.shift()
    return responses.push(response) <= MAX_PIPELINED_REQUESTS
  }

  /**
   * Returns whether the client waits for the server: its request is complete, and no answer has
   * begun.
   */
  owesAnswer(socket: Socket): boolean {
    const next = this.#responses.get(socket)?.find((response) => !response.writableFinished)
    return next?.req.complete === true && !next.headersSent
  }

  /** Accepts no new connections, and waits up to `timeoutS` seconds for the requests under way. */
  close(timeoutS: number): Promise<void> {
    return new Promise((resolve) => {
      const sweep = setInterval(() => this.#closeIdle(), SWEEP_INTERVAL_MS)
      const deadline = setTimeout(() => {
        for (const socket of this.#open.keys()) socket.destroy()
      }, timeoutS * 1000)
      // Not http's own close: it cuts answers that are written but not yet read by a slow client.
      NetServer.prototype.close.call(this.#server, () => {
        clearInterval(sweep)
        clearTimeout(deadline)
        resolve()
      })
    })
  }

  #closeIdle(): void {
    const now = performance.now()
    for (const [socket, progress] of this.#open) {
      const response = this.#responses.get(socket)?.at(-1)
      // Unread bytes mean that the handler is slow, not the client: it waits for a fetch or for the
      // platform.
      const isUnread = response !== undefined && response.req.readableLength > 0
      if (isUnread || socket.bytesRead !== progress.bytesRead) {
        progress.bytesRead = socket.bytesRead
        progress.changedAtMs = now
      }
      if (!isBusy(response, now - progress.changedAtMs)) socket.destroy()
    }
  }
}

/** @param silentMs how long no byte arrived */
function isBusy(response: ServerResponse | undefined, silentMs: number): boolean {
  if (response === undefined || response.writableFinished || response.destroyed) return false
  return response.req.complete || silentMs < STALLED_AFTER_MS
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`
