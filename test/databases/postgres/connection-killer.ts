import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** As Postgres writes it: FATAL 57P01, terminating connection due to administrator command. */
const FATAL = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0')
const TERMINATED = Buffer.concat([Buffer.from('E'), Buffer.alloc(4), FATAL])
TERMINATED.writeInt32BE(4 + FATAL.length, 1)
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])

/**
 * Stands before the server, and ends some connections: in the same packet as the server's answer, or `instead` of it. Returns
 * its port.
 */
export async function startHangman(t: Test, target: number, isNext: () => boolean, instead = false): Promise<number> {
  const open = new Set<Socket>()
  const hangman = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket)
      socket
        .on('error', () => {})
        .on('close', () => {
          open.delete(socket)
          other.destroy()
        })
    }
    client.on('data', (chunk) => upstream.write(chunk))
    upstream.on('data', (chunk) => {
      const isAnswered = chunk.subarray(-READY.length).equals(READY)
      if (!isAnswered || !isNext()) client.write(chunk)
      else if (instead) client.destroy()
      else client.end(Buffer.concat([chunk, TERMINATED]))
    })
  })
  await new Promise<void>((resolve) => hangman.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    hangman.close()
    for (const socket of open) socket.destroy()
  })
  return (hangman.address() as AddressInfo).port
}
