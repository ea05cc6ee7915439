// Starts published WeChat clients in processes of their own, and calls their methods.
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Test } from 'tap'
import '../../support/built.js'

export interface ClientOptions {
  kind: 'co-wechat-api' | 'wechat-jssdk'
  appId: string
  secret: string
  /** The host that it uses instead of the platform's. */
  host: string
}

interface Message {
  id: number
  result?: unknown
  error?: { message: string; code?: number }
}

export interface PublishedClient {
  call<T = Record<string, unknown>>(name: string, ...args: unknown[]): Promise<T>
}

/** The error that the client threw, with its message and errcode. */
export class ClientError extends Error {
  constructor(
    message: string,
    readonly code: number | undefined,
  ) {
    super(message)
  }
}

export async function startClient(t: Test, options: ClientOptions, file?: string): Promise<PublishedClient> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'fixtures/client.cjs'), [JSON.stringify({ ...options, file })], {
    execArgv: [],
    env: { PATH: process.env.PATH },
  })
  const waiting = new Map<number, (message: Message) => void>()
  child.on('message', (message: Message) => waiting.get(message.id)?.(message))
  const exited = new Promise((resolve) => child.once('exit', resolve))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  await new Promise((resolve, reject) => {
    waiting.set(0, resolve)
    exited.then((code) => reject(new Error(`the client exited with ${code}`)))
  })
  let last = 0
  return {
    async call<T>(name: string, ...args: unknown[]): Promise<T> {
      const id = ++last
      const { result, error } = await new Promise<Message>((resolve) => {
        waiting.set(id, resolve)
        child.send({ id, name, args })
      })
      waiting.delete(id)
      if (error) throw new ClientError(error.message, error.code)
      return result as T
    },
  }
}
