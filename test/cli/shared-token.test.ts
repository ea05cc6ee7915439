import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fakeWeChat } from '../../src/testing/index.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/timing.js'
import { configured, program } from './setup.js'

const SHARING = join(import.meta.dirname, 'sharing')
const hasPrograms = ['curl', 'python3'].every((name) => spawnSync(name, ['--version']).status === 0)

t.setTimeout(120_000)

t.test(
  'A shell script, a Python program, a cron job and four Node workers share a token: one fetch, and one more when it dies',
  { skip: !hasPrograms },
  async (t) => {
    const fake = await fakeWeChat({})
    t.teardown(() => fake.close())
    const wechat = { appId: fake.appId, appSecret: { env: 'WX_APPSECRET' }, baseUrl: fake.url }
    const { folder } = configured(t, { keys: { ACCESS_TOKEN: { wechat } } })
    const bin = temporaryFolder(t)
    writeFileSync(join(bin, 'dotdog'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`)
    chmodSync(join(bin, 'dotdog'), 0o755)
    const stop = join(bin, 'stop')
    const env = {
      PATH: `${bin}:${process.env.PATH}`,
      WX_APPID: fake.appId,
      WX_APPSECRET: fake.appSecret,
      WORKER_DIR: join(folder, '.dog'),
    }
    const worker = [process.execPath, join(SHARING, 'worker.cjs')]
    const commands = [
      ['sh', join(SHARING, 'client.sh')],
      ['python3', join(SHARING, 'client.py')],
      ['sh', join(SHARING, 'cron.sh')],
      ...[worker, worker, worker, worker],
    ]
    const clients = commands.map(([command, ...args]) => {
      const child = spawn(command!, [...args, fake.url, stop], { cwd: folder, env })
      const client = { out: '', exited: once(child, 'close') }
      child.stdout.on('data', (chunk) => (client.out += chunk))
      child.stderr.on('data', (chunk) => (client.out += `failed ${chunk}`))
      t.teardown(() => child.exitCode === null && child.kill('SIGKILL'))
      return client
    })
    const allUse = (token: string) =>
      until(() => clients.every(({ out }) => out.includes(`used ${token}\n`)), {
        timeoutMs: 60_000,
        what: clients.map(({ out }) => out.slice(-300)).join('\n---\n'),
      })
    await until(() => fake.currentToken() !== undefined)
    const first = fake.currentToken()!
    await allUse(first)
    t.equal(fake.count.token, 1, 'one fetch for all')
    fake.killToken()
    await until(() => fake.currentToken() !== first)
    const second = fake.currentToken()!
    await allUse(second)
    t.equal(fake.count.token, 2, 'one fetch more')
    writeFileSync(stop, '')
    for (const { exited, out } of clients) {
      t.same(await exited, [0, null])
      t.notMatch(out, /failed/)
      t.same(new Set(out.trim().split('\n')), new Set([`used ${first}`, `used ${second}`]))
    }
    t.equal(fake.count.token, 2)
  },
)
