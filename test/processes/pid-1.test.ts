import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { deferred, until } from '../support/timing.js'

/**
 * The kernel discards the default action of a signal for pid 1, so that a process in a container
 * survives the SIGTERM that a library sends again after its clean-up. Its lock must survive, too.
 */
const SCRIPT = join(import.meta.dirname, 'fixtures/rotating.cjs')
const AS_PID_1 = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']

function reasonNotToRun(): string | undefined {
  try {
    execFileSync(AS_PID_1[0]!, [...AS_PID_1.slice(1), 'true'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'pid namespaces are not permitted here'
  }
}

/** An upstream that kills the family of a refresh token that is used twice. */
async function startRotatingUpstream(t: Test) {
  const family = { requests: 0, isAlive: true, answers: deferred() }
  let refresh = 'r0'
  const server = createServer(async (request, response) => {
    family.requests++
    family.isAlive &&= new URL(request.url!, 'http://localhost').searchParams.get('refresh') === refresh
    if (!family.isAlive) return response.writeHead(400).end('invalid_grant')
    const number = family.requests
    refresh = `r${number}`
    await family.answers.promise
    response.end(JSON.stringify({ access: `access-${number}`, refresh: `r${number}` }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.closeAllConnections())
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  return { family, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

/** The pid, out here, of the only child of a process that `unshare` started. */
const childOf = (pid: number): number => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1'))

const cases = [
  ['SIGTERM', 'in another container'],
  ['SIGTERM', 'in its own container'],
  ['SIGINT', 'in its own container'],
  ['SIGHUP', 'in its own container'],
] as const

for (const [signal, where] of cases) {
  t.test(
    `Pid 1 that gets ${signal} in mid-fetch keeps its lock, and a process ${where} waits for its value`,
    { skip: reasonNotToRun() },
    async (t) => {
      const { family, url } = await startRotatingUpstream(t)
      const env = { DIR: temporaryFolder(t), URL: url }
      const holder = start(SCRIPT, env, [], AS_PID_1)
      t.teardown(() => holder.process.kill('SIGKILL'))
      await until(() => family.requests === 1)
      process.kill(childOf(holder.pid), signal)

      const target = ['--target', String(childOf(holder.pid))]
      const other = start(
        SCRIPT,
        env,
        [],
        where === 'in another container' ? AS_PID_1 : ['nsenter', '--pid', '--mount', ...target],
      )
      t.teardown(() => other.process.kill('SIGKILL'))
      let printed = ''
      other.process.stdout!.on('data', (chunk) => (printed += chunk))
      await until(() => printed.includes('waiting') || family.requests > 1, { what: 'the other process to wait' })
      family.answers.resolve()
      t.match(await other.answered, { value: 'access-1' })
      t.match(await holder.answered, { value: 'access-1' })
      t.match({ ...family }, { requests: 1, isAlive: true })
      t.strictSame(readdirSync(join(env.DIR, '.lock')), [], 'no lock is left')
    },
  )
}

t.test('A process that calls process.exit in mid-fetch leaves no lock, also for another container', async (t) => {
  const { family, url } = await startRotatingUpstream(t)
  const env = { DIR: temporaryFolder(t), URL: url, EXIT_AT_SIGTERM: '1' }
  const holder = start(SCRIPT, env)
  await until(() => family.requests === 1)
  holder.process.kill('SIGTERM')
  t.match(await holder.exited, { code: 3 })
  t.strictSame(readdirSync(join(env.DIR, '.lock')), [])
  family.answers.resolve()
})
