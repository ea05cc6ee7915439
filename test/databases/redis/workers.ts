import { join } from 'node:path'
import type { Test } from 'tap'
import { type Child, type GetterOutput, start } from '../../support/children.js'
import type { Upstream } from '../../support/upstream.js'
import '../../support/built.js'

/** Processes that use a store in Redis. */

export interface Said extends GetterOutput {
  /** Signals of fetches that were aborted. */
  aborted: number
}

export interface Worker extends Child {
  /** The last that it said, while it runs. */
  last(): Said | undefined
  said(): Said[]
  /** Ends a loop. Rejects if anything went wrong that nobody caught. */
  end(): Promise<Said>
}

export function startWorker(
  t: Test,
  store: object,
  upstream: Pick<Upstream, 'url'>,
  env: Record<string, string | undefined> = {},
): Worker {
  const script = join(import.meta.dirname, 'fixtures/worker.cjs')
  const child = start(script, { STORE: JSON.stringify(store), URL: upstream.url, ...env })
  let out = ''
  child.process.stdout!.on('data', (chunk) => (out += chunk))
  const said = () =>
    out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Said)
  t.teardown(() => void child.process.kill('SIGKILL'))
  return {
    ...child,
    said,
    last: () => said().at(-1),
    end: async () => {
      child.process.kill('SIGTERM')
      const { code, err } = await child.exited
      if (code !== 0 || err !== '') throw new Error(`code ${code}: ${err}`)
      return said().at(-1)!
    },
  }
}

export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  ms = 20_000,
): Promise<T> {
  const end = performance.now() + ms
  for (;;) {
    const found = await look()
    if (found) return found
    if (performance.now() > end) throw new Error(`not in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const values = (workers: Worker[]): string[] => [...new Set(workers.map((worker) => String(worker.last()?.value)))]
