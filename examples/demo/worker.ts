// One of the eight: an ordinary program that uses dotdog, and tells its parent how it fared. Does each task on command, so
// that all eight begin in the same moment.
import { createDog } from 'dotdog'
import { wechat } from 'dotdog/wechat'

export type Task = 'sign' | 'call' | 'stop'

/** How this process came by a value: by its own fetch, by waiting for another's, or it was there. */
export type ValueSource = 'fetched' | 'waited' | 'read'

export type Report =
  | { task: 'ready' }
  | { task: 'sign'; ways: Record<string, ValueSource>; ms: number; signature: string }
  | { task: 'call'; ways: Record<string, ValueSource>; ms: number; errmsg?: undefined }
  | { task: Task; errmsg: string }

/** What a worker is told by its environment: the secret must not be in an argument, which everybody can read. */
export interface WorkerEnv {
  WX_APPID: string
  WX_APPSECRET: string
  WX_BASE_URL?: string
  DEMO_DIR?: string
}

export const PAGE = 'https://example.com/shop?item=42'

export function runWorker(): void {
  const { WX_APPID: appId = '', WX_APPSECRET: appSecret = '', WX_BASE_URL: baseUrl, DEMO_DIR: dir } = process.env
  const dog = createDog({ dir })
  const wx = wechat({ appId, appSecret, baseUrl, dog })
  const send = (report: Report): void => void process.send?.(report)

  let ways: Record<string, ValueSource> = {}
  // A fetch outweighs a wait: one who waited and then had to fetch himself has fetched.
  dog.on('wait', ({ key }) => void (ways[key] ??= 'waited'))
  dog.on('refresh', ({ key }) => void (ways[key] = 'fetched'))

  async function run(task: 'sign' | 'call'): Promise<Report> {
    ways = {}
    const start = performance.now()
    let signature = ''
    if (task === 'sign') [, { signature }] = await Promise.all([wx.accessToken.get(), wx.signUrl(PAGE)])
    else await wx.call('/cgi-bin/getcallbackip')
    const ms = performance.now() - start
    const { key: token } = wx.accessToken
    const { key: ticket } = wx.jsapiTicket
    // Events come in their own turn.
    await new Promise((resolve) => setImmediate(resolve))
    const all: Record<string, ValueSource> = { token: ways[token] ?? 'read', ticket: ways[ticket] ?? 'read' }
    return task === 'sign' ? { task, ways: all, ms, signature } : { task, ways: all, ms }
  }

  process.on('message', (task: Task) => {
    if (task === 'stop') {
      // Nothing else is open: the process ends by itself.
      dog.close().finally(() => process.disconnect())
      return
    }
    run(task).then(send, (error: Error) => send({ task, errmsg: error.message }))
  })
  send({ task: 'ready' })
}
