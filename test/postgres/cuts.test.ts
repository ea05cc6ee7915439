// What a Postgres that cuts its connections or loses its table does to processes that use it.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { withServer } from './server.js'
import { last, pause, scene, until, values } from './setup.js'

/** As Postgres writes it: FATAL 57P01, terminating connection due to administrator command. */
const FATAL = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0')
const TERMINATED = Buffer.concat([Buffer.from('E'), Buffer.alloc(4), FATAL])
TERMINATED.writeInt32BE(4 + FATAL.length, 1)
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])

/** Stands before the server, and ends some connections in the same packet as the server's answer. Returns its port. */
async function startHangman(t: Test, target: number, isNext: () => boolean): Promise<number> {
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
      if (isAnswered && isNext()) client.end(Buffer.concat([chunk, TERMINATED]))
      else client.write(chunk)
    })
  })
  await new Promise<void>((resolve) => hangman.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    hangman.close()
    for (const socket of open) socket.destroy()
  })
  return (hangman.address() as AddressInfo).port
}

await withServer(t, async (server) => {
  t.test('all connections cut in mid-fetch, again and again: one value, no second fetch', async (t) => {
    const { upstream, get, table } = await scene(t, server, { delay: 6000 })
    const holder = get()
    await upstream.asked()
    const waiters = Array.from({ length: 5 }, () => get())
    const cut = () =>
      server.admin(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dotdog' AND query LIKE $1`,
        [`%${table}%`],
      )
    let cuts = 0
    const end = Date.now() + 5500
    while (Date.now() < end) {
      cuts += (await cut()).length
      await pause(300)
    }
    t.ok(cuts > 0, `${cuts} connections`)
    const answers = await Promise.all([holder, ...waiters].map((child) => child.answered))
    t.strictSame(values(answers), ['token-1-of-the-upstream'])
    t.equal(upstream.count, 1)
    for (const child of [holder, ...waiters]) t.match(await child.exited, { code: 0, err: '' })
  })

  for (const harm of ['TRUNCATE', 'DROP TABLE']) {
    t.test(`${harm} while the table is in use costs one fetch`, async (t) => {
      const { upstream, loop, table, record } = await scene(t, server)
      const loops = Array.from({ length: 4 }, () => loop())
      await until(() => loops.every(({ lines }) => last(lines)?.value === 'token-1-of-the-upstream'))
      const { generation } = await record()
      await server.admin(`${harm} ${table}`)
      await until(() => loops.every(({ lines }) => last(lines)?.value === 'token-2-of-the-upstream'))
      await pause(500)
      t.equal(upstream.count, 2)
      t.ok((await record()).generation > generation)
      for (const { lines, process, exited } of loops) {
        t.strictSame(
          lines.filter(({ error }) => error !== undefined),
          [],
        )
        process.kill('SIGTERM')
        t.match(await exited, { code: 0, err: '' })
      }
    })
  }

  for (const how of ['connectionString', 'pool']) {
    t.test(`connections that end in the same packet as an answer end no process (${how})`, async (t) => {
      const { upstream, loop } = await scene(t, server)
      let answers = 0
      const url = new URL(server.url)
      // Also the first, by which a connection begins.
      url.port = String(await startHangman(t, Number(url.port || 5432), () => answers++ % 3 === 0))
      const env: Record<string, string> =
        how === 'pool' ? { POOL: url.href } : { STORE: JSON.stringify({ connectionString: url.href }) }
      const loops = Array.from({ length: 3 }, () => loop(env))
      await until(() => loops.every(({ lines, process }) => process.exitCode !== null || last(lines)?.value !== undefined))
      await pause(2000)
      t.ok(answers > 30, `${answers} answers`)
      t.equal(upstream.count, 1)
      for (const { lines, process, exited } of loops) {
        t.equal(last(lines)?.value, 'token-1-of-the-upstream')
        process.kill('SIGTERM')
        t.match(await exited, { code: 0, err: '' })
      }
    })
  }
})
