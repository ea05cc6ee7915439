import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { UpstreamEndpoint } from '../chaos/upstream.js'
import { monotonic, pause, Worker, type WorkerMessage } from '../chaos/workers.js'

/** What was seen on one file system. Each list has an entry for every round. */
export interface Figures {
  /** Fetches when all processes ask for a new key at once. */
  cold: number[]
  /** Milliseconds between the upstream's answer and the last caller's. */
  lastAnswerMs: number[]
  /** Fetches when all ask for an expired key at once. */
  expiry: number[]
  /** Fetches after the holder was killed. */
  killed: number[]
  /** Fetches when the record is deleted in mid-fetch. */
  deleted: number[]
  /** The distinct errors of all calls. */
  errors: Set<string>
}

export interface Plan {
  processes: number
  rounds: number
}

/** Seconds. Long, so that a slow file system gets its time. */
const TIMEOUT = 15
const LIFETIME = 3

/**
 * Plays the rounds in these folders, which are mounts of one folder.
 *
 * @param makeEndpoint makes an upstream of its own for every round
 */
export async function playRounds(
  mounts: string[],
  { processes, rounds }: Plan,
  makeEndpoint: () => UpstreamEndpoint,
): Promise<Figures> {
  const figures: Figures = { cold: [], lastAnswerMs: [], expiry: [], killed: [], deleted: [], errors: new Set() }
  const workers = Array.from({ length: processes }, () => new Worker())
  let folders = 0
  try {
    await Promise.all(workers.map(({ ready }) => ready))
    const begin = () => {
      const name = `round-${++folders}`
      mkdirSync(join(mounts[0]!, name), { mode: 0o700 })
      const endpoint = makeEndpoint()
      const command = (index: number) => {
        const dir = join(mounts[index % mounts.length]!, name)
        return { dir, key: 'TOKEN', url: endpoint.url, timeout: TIMEOUT }
      }
      const all = async () => {
        const startAt = monotonic() + 300
        const ended = await Promise.all(workers.map((worker, index) => worker.get({ ...command(index), startAt })))
        noteErrors(ended)
        return ended
      }
      return { name, endpoint, command, all }
    }
    const noteErrors = (ended: WorkerMessage[]) => {
      for (const { code, message } of ended) if (code !== undefined) figures.errors.add(`${code} ${message}`.slice(0, 160))
    }
    for (let round = 0; round < rounds; round++) {
      const { name, endpoint, all } = begin()
      endpoint.expiresIn = LIFETIME
      const ended = await all()
      figures.cold.push(endpoint.requests.length)
      const answeredAt = endpoint.requests.at(-1)?.endedAt
      if (answeredAt !== undefined) figures.lastAnswerMs.push(Math.max(...ended.map(({ to }) => to)) - answeredAt)
      if (endpoint.requests.length === 0) continue
      await pause(LIFETIME * 1000 + 100)
      endpoint.expiresIn = 7200
      const before = endpoint.requests.length
      await all()
      figures.expiry.push(endpoint.requests.length - before)

      rmSync(join(mounts[0]!, name, 'TOKEN.dog'), { force: true })
      // Whoever still remembers the record finds it gone by a check that comes at most every 100 ms.
      await pause(1500)
      endpoint.delayMs = () => 1500
      const beforeDeletion = endpoint.requests.length
      const asked = endpoint.nextRequest()
      const together = all()
      await asked
      rmSync(join(mounts[0]!, name, 'TOKEN.dog'), { force: true })
      await together
      figures.deleted.push(endpoint.requests.length - beforeDeletion)
      if (round > 0) continue

      const killedRound = begin()
      killedRound.endpoint.delayMs = () => 1000
      const victim = new Worker()
      await victim.ready
      const taken = killedRound.endpoint.nextRequest()
      victim.get(killedRound.command(0)).catch(() => {})
      await taken
      victim.kill()
      await victim.exited
      noteErrors(await Promise.all(workers.map((worker, index) => worker.get(killedRound.command(index)))))
      figures.killed.push(killedRound.endpoint.requests.length - 1)
    }
    return figures
  } finally {
    for (const worker of workers) worker.kill()
    await Promise.all(workers.map(({ exited }) => exited))
  }
}
