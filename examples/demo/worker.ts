// One of the eight workers: an ordinary program that uses dotdog, and reports to its parent. It
// does each task on command, so that all workers begin at the same moment.
import { createDog } from 'dotdog'
import { wechat } from 'dotdog/wechat'

export type Task = 'sign' | 'call' | 'stop'

/**
 * How a process got a value: by its own fetch, by waiting for another process's fetch, or by
 * reading what was there.
 */
export type ValueSource = 'fetched' | 'waited' | 'read'

export type Report =
  | { task: 'ready' }
  | { task: 'sign'; sources: Record<string, ValueSource>; ms: number; signature: string }
  | { task: 'call'; sources: Record<string, ValueSource>; ms: number; errmsg?: undefined }
  | { task: Task; errmsg: string }

/**
 * What a worker reads from its environment. The secret must not be an argument, because every user
 * can read arguments.
 */
export interface WorkerEnv {
  WX_APPID: string
  WX_APPSECRET: string
  WX_BASE_URL?: string
  DEMO_DIR?: string
}

export const PAGE_URL = 'https://example.com/shop?item=42'

export function runWorker(): void {
  const { WX_APPID: appId = '', WX_APPSECRET: appSecret = '', WX_BASE_URL: baseUrl, DEMO_DIR: dir } = process.env
  const dog = createDog({ dir })
  const wx = wechat({ appId, appSecret, baseUrl, dog })
  const send = (report: Report): void => void process.send?.(report)

  let sourceOf: Record<string, ValueSource> = {}
  // A process that waited first and then had to fetch counts as one that fetched.
  dog.on('wait', ({ key }) => void (sourceOf[key] ??= 'waited'))
  dog.on('refresh', ({ key }) => void (sourceOf[key] = 'fetched'))

  async function run(task: 'sign' | 'call'): Promise<Report> {
    sourceOf = {}
    const start = performance.now()
    let signature = ''
    if (task === 'sign') [, { signature }] = await Promise.all([wx.accessToken.get(), wx.signUrl(PAGE_URL)])
    else await wx.call('/cgi-bin/getcallbackip')
    const ms = performance.now() - start
    const { key: token } = wx.accessToken
    const { key: ticket } = wx.jsapiTicket
    // Events are emitted after the value was returned.
    await new Promise((resolve) => setImmediate(resolve))
    const sources: Record<string, ValueSource> = { token: sourceOf[token] ?? 'read', ticket: sourceOf[ticket] ?? 'read' }
    return task === 'sign' ? { task, sources, ms, signature } : { task, sources, ms }
  }

  process.on('message', (task: Task) => {
    if (task === 'stop') {
      // Nothing else is open, so that the process ends by itself.
      dog.close().finally(() => process.disconnect())
      return
    }
    run(task).then(send, (error: Error) => send({ task, errmsg: error.message }))
  })
  send({ task: 'ready' })
}
