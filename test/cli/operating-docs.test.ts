// What docs/server-operating.md tells an operator to copy.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer as createNetServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { LogEntry } from '../../src/server/index.js'
import { newClient, served } from '../server/setup.js'
import { makeCertificate } from '../support/certificate.js'
import { temporary } from '../support/children.js'
import { noOpenssl } from '../support/openssl.js'
import { noSystemd } from '../support/systemd.js'
import { until } from '../support/timing.js'

const text = readFileSync(join(import.meta.dirname, '../../docs/server-operating.md'), 'utf8')

/** The code blocks of a language. */
const blocks = (language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, code]) => code!)

t.test('The units of the documentation are accepted by systemd-analyze verify', { skip: noSystemd ?? false }, async (t) => {
  const folder = temporary((end) => t.teardown(end))
  const [service, socket] = blocks('ini')
  const verify = (name: string, unit: string) => {
    writeFileSync(join(folder, name), unit)
    // Other units of the machine may have faults of their own.
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--recursive-errors=no', join(folder, name)], {
      encoding: 'utf8',
      env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` },
    })
    return { status, faults: stderr.split('\n').filter((line) => line.includes('dotdog')) }
  }
  // The program is where Node is on this machine.
  const here = (unit: string) => unit.replace('/usr/bin/node', process.execPath)
  t.strictSame(verify('dotdog.service', here(service!)), { status: 0, faults: [] })
  t.strictSame(verify('dotdog.socket', socket!), { status: 0, faults: [] })
  // The check finds a planted fault.
  t.not(verify('dotdog.service', here(service!).replace('LockPersonality=yes', 'LockPersonality=perhaps')).faults.length, 0)
  t.not(verify('dotdog.service', service!.replace('/usr/bin/node', '/no/such/program')).status, 0)
})

t.test('Every metric and label that an alert names is one that the server has', async (t) => {
  const rules = blocks('yaml').find((block) => block.includes('alert:'))!
  const { ask, dog } = await served(t)
  await dog.get('TOKEN')
  const metrics = (await ask('/metrics')).text
  const names = new Set(rules.match(/\bdotdog_\w+/g))
  t.ok(names.size >= 5)
  for (const name of names) t.match(metrics, new RegExp(`^# TYPE ${name} `, 'm'))
  for (const [, label, values] of rules.matchAll(/(state|result|reason)=~?"([\w|]+)"/g)) {
    for (const value of values!.split('|')) t.match(metrics, `${label}="${value}"`)
  }
})

t.test('The proxy of the documentation waits longer than the server’s longest answer', async (t) => {
  const [nginx] = blocks('nginx')
  const { DEFAULT_PROXY_LIMITS } = await import('../../src/server/wechat/proxy.js')
  const { grantedWaitMs } = await import('../../src/server/routes/keys.js')
  const timeoutMs = Number(/proxy_read_timeout (\d+)s;/.exec(nginx!)?.[1]) * 1000
  t.ok(timeoutMs > DEFAULT_PROXY_LIMITS.total)
  t.ok(timeoutMs > grantedWaitMs(60))
  t.notMatch(nginx, /\$request\b|\$request_uri|\$args/, 'no log has the query, which holds a token')
})

const noNginx =
  spawnSync('nginx', ['-v']).error === undefined ? noOpenssl : 'nginx is not installed: its part is not tested here'

t.test(
  'A client reaches the server through the nginx of the documentation, by its own address',
  { skip: noNginx ?? false },
  async (t) => {
    const folder = temporary((end) => t.teardown(end))
    const shop = newClient('shop')
    const log: LogEntry[] = []
    const options = {
      clients: [shop.config],
      behindProxy: true,
      hosts: ['tokens.internal'],
      log: (entry: LogEntry) => void log.push(entry),
    }
    const { address } = await served(t, options)
    const probe = createNetServer().listen(0, '127.0.0.1')
    await until(() => probe.listening)
    const { port } = probe.address() as AddressInfo
    await new Promise((resolve) => probe.close(resolve))
    const { certFile, keyFile } = makeCertificate(folder, 'tokens')
    const server = blocks('nginx')[0]!
      .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
      .replace('/etc/ssl/tokens.pem', certFile)
      .replace('/etc/ssl/tokens.key', keyFile)
      .replace('/var/log/nginx', folder)
      .replace('http://127.0.0.1:8080', address)
    const temporaries = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    )
    const config = `pid ${folder}/pid;\nerror_log ${folder}/error.log;\nevents {}\nhttp {\n${temporaries.join('\n')}\n${server}}\n`
    writeFileSync(join(folder, 'nginx.conf'), config)
    mkdirSync(join(folder, 'logs'))
    const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;']
    const nginx = spawn('nginx', args, { stdio: 'ignore' })
    t.teardown(() => nginx.kill('SIGTERM'))
    await until(() => existsSync(join(folder, 'pid')) && readFileSync(join(folder, 'pid'), 'utf8') !== '')

    const headers = { host: 'tokens.internal', authorization: `Bearer ${shop.token}` }
    const ask = (path: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const request = { host: '127.0.0.1', port, path, headers, rejectUnauthorized: false }
        get(request, (response) => resolve(response.resume().statusCode)).on('error', reject)
      })
    t.equal(await ask('/v1/keys/TOKEN?secret=do-not-log'), 200)
    t.match(log, [{ client: 'shop', address: '127.0.0.1', status: 200 }])
    await until(() => readFileSync(join(folder, 'dotdog.log'), 'utf8').includes('/v1/keys/TOKEN'))
    t.notMatch(readFileSync(join(folder, 'dotdog.log'), 'utf8'), /do-not-log/)
  },
)
