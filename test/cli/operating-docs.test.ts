// What docs/server-operating.md tells an operator to copy.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { served } from '../server/setup.js'
import { temporary } from '../support/children.js'
import { noSystemd } from '../support/systemd.js'

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
