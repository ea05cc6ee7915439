import type { Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'

/** Milliseconds between two looks at who is still there. */
const SWEEP = 50
/** Milliseconds without a byte after which a request that is not complete keeps nobody waiting. */
const STALLED = 1000
/** Requests on one connection at a time. Each may have to wait with an answer of a megabyte for the client to read. */
const PIPELINED = 32

interface Progress {
  bytes: number
  /** Monotonic milliseconds. */
  since: number
}

/**
 * The connections of a server, and whether a request is under way on each, so that a shutdown waits for those only: not for
 * who connected and says nothing, who stopped in the middle of a request, or who is at a handshake.
 */
export class Connections {
  readonly #server: Server
  readonly #open = new Map<Socket, Progress>()
  /** Under TLS, those at a handshake: what comes of it is another object, of the same peer. */
  readonly #shaking = new Map<string, Socket>()
  /** What was asked on each, in order. What was answered stays until the next: removing it would cost a listener each. */
  readonly #asked = new WeakMap<Socket, ServerResponse[]>()

  constructor(server: Server, isTls: boolean) {
    this.#server = server
    server.on('connection', (socket) => {
      this.#add(socket)
      if (isTls) this.#shaking.set(peerOf(socket), socket)
    })
    if (!isTls) return
    server.on('secureConnection', (socket: Socket) => {
      const raw = this.#shaking.get(peerOf(socket))
      this.#shaking.delete(peerOf(socket))
      if (raw !== undefined) this.#open.delete(raw)
      this.#add(socket)
    })
  }

  #add(socket: Socket): void {
    this.#open.set(socket, { bytes: 0, since: performance.now() })
    // Each request that has to wait listens for its end.
    socket.setMaxListeners(0)
    const peer = peerOf(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      if (this.#shaking.get(peer) === socket) this.#shaking.delete(peer)
    })
  }

  /** A request has come. Whether it is one too many of those that were sent without waiting for an answer. */
  asked(socket: Socket, response: ServerResponse): boolean {
    let asked = this.#asked.get(socket)
    if (asked === undefined) this.#asked.set(socket, (asked = []))
    while (asked[0]?.writableFinished) asked.shift()
    return asked.push(response) > PIPELINED
  }

  /** Whether it is we who keep the other side waiting. */
  isOurTurn(socket: Socket): boolean {
    const next = this.#asked.get(socket)?.find((response) => !response.writableFinished)
    return next?.req.complete === true && !next.headersSent
  }

  /** No new ones; waits for the requests under way, at most so many seconds. */
  close(seconds: number): Promise<void> {
    return new Promise((resolve) => {
      const sweep = setInterval(() => this.#sweep(), SWEEP)
      const end = setTimeout(() => {
        for (const socket of this.#open.keys()) socket.destroy()
      }, seconds * 1000)
      // Not http's own close, which cuts answers that are written and not yet taken by a client on a slow line.
      NetServer.prototype.close.call(this.#server, () => {
        clearInterval(sweep)
        clearTimeout(end)
        resolve()
      })
    })
  }

  #sweep(): void {
    const time = performance.now()
    for (const [socket, progress] of this.#open) {
      const response = this.#asked.get(socket)?.at(-1)
      // What has come and was not read yet: it is we who are slow, at a fetch or because the platform is.
      const isUnread = response !== undefined && response.req.readableLength > 0
      if (isUnread || socket.bytesRead !== progress.bytes) Object.assign(progress, { bytes: socket.bytesRead, since: time })
      if (!isBusy(response, time - progress.since)) socket.destroy()
    }
  }
}

/** `silence`: milliseconds without a byte. */
function isBusy(response: ServerResponse | undefined, silence: number): boolean {
  if (response === undefined || response.writableFinished || response.destroyed) return false
  return response.req.complete || silence < STALLED
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`
