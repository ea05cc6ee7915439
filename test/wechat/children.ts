// Real processes that use an account, each with its own environment.
import { type ChildProcess, fork } from 'node:child_process'
import type { Test } from 'tap'
import '../support/built.js'

export type Fixture = 'caller' | 'warp'

/** Resolves to the next message of a child. Rejects if the child ends first. */
function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const answered = (message: unknown) => {
      child.off('exit', ended)
      resolve(message as T)
    }
    const ended = (code: number | null) => {
      child.off('message', answered)
      reject(new Error(`ended with ${code}`))
    }
    child.once('message', answered)
    child.once('exit', ended)
  })
}

export interface Children {
  /** Sends the same command to all. Resolves to their answers in order. */
  ask<T>(command: object): Promise<T[]>
  /** Sends a command to one child. */
  askOne<T>(index: number, command: object): Promise<T>
  /** Disconnects all, so that they end by themselves. Resolves to their exit codes. */
  end(): Promise<unknown[]>
}

/** Starts a process for each environment, and waits until all of them have loaded. */
export async function startChildren(t: Test, fixture: Fixture, envs: Record<string, string>[]): Promise<Children> {
  const script = new URL(`./fixtures/${fixture}.cjs`, import.meta.url).pathname
  const children = envs.map((env) => fork(script, { env: { ...process.env, ...env }, execArgv: [] }))
  t.teardown(() => {
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
  })
  await Promise.all(children.map((child) => nextMessage(child)))
  const askOne = <T>(index: number, command: object): Promise<T> => {
    const answer = nextMessage<T>(children[index]!)
    children[index]!.send(command)
    return answer
  }
  return {
    ask: <T>(command: object) => Promise.all(children.map((_child, index) => askOne<T>(index, command))),
    askOne,
    end() {
      const exits = children.map((child) => new Promise((resolve) => child.once('exit', resolve)))
      for (const child of children) child.disconnect()
      return Promise.all(exits)
    },
  }
}
