import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { until } from '../../support/timing.js'
import { startUpstream } from '../../support/upstream.js'
import { configured, start } from '../setup.js'
import { hasTerminals, openTerminal } from '../terminal.js'
import { withValue } from './setup.js'

t.test('`render --watch` follows the value and the template, and goes on after a failure', async (t) => {
  const { args, put, path, read, out, folder } = await withValue(t)
  const log = join(folder, 'log')
  const { child, exited, printed, err } = start(t, args('--watch', '--', 'sh', '-c', `echo ran >> ${log}`))
  await until(() => existsSync(out) && existsSync(log))
  await put('second')
  await until(() => read() === 'token=second\n')
  writeFileSync(`${path}.new`, 'new {{ key "K" }}')
  renameSync(`${path}.new`, path)
  await until(() => read() === 'new second')
  writeFileSync(path, 'wrong {{ K }}')
  await printed(/template:1:7/)
  writeFileSync(path, 'right {{ key "K" }}')
  await until(() => read() === 'right second')
  chmodSync(folder, 0o777)
  await put('third')
  await printed(/can be written by others/)
  t.equal(read(), 'right second')
  chmodSync(folder, 0o700)
  await until(() => read() === 'right third')
  await until(() => readFileSync(log, 'utf8') === 'ran\n'.repeat(5))
  t.notMatch(err(), /second|third/)
  child.kill('SIGHUP')
  t.equal(await exited, 'SIGHUP')
})

t.test('`render --watch` refreshes a due value although nobody asks', async (t) => {
  const upstream = await startUpstream({ delay: 1, expiresIn: 3 })
  t.teardown(() => upstream.close())
  const { folder } = configured(t, {
    keys: { K: { http: { url: upstream.url, value: '/value', expiresIn: '/expiresIn' }, refreshAhead: 2 } },
  })
  writeFileSync(join(folder, 'template'), '{{ key "K" }}')
  const args = ['render', 'template', '--out', 'out', '--watch']
  const { child, exited } = start(t, args, { cwd: folder })
  await until(() => upstream.count >= 3)
  await until(() => /^token-[3-9]/.test(readFileSync(join(folder, 'out'), 'utf8')))
  child.kill('SIGINT')
  t.equal(await exited, 'SIGINT')
})

t.test('Ctrl-C ends `render --watch` at a terminal, also during the command', { skip: !hasTerminals }, async (t) => {
  const { args } = await withValue(t)
  const quiet = openTerminal(t, args('--watch', '--', 'echo', 'ran'))
  await quiet.shows(/ran/)
  quiet.type('\x03')
  t.equal(await quiet.exited, 128 + 2)
  const { args: others } = await withValue(t)
  const busy = openTerminal(t, others('--watch', '--', 'sh', '-c', 'echo ready; sleep 60'))
  await busy.shows(/ready/)
  busy.type('\x03')
  t.equal(await busy.exited, 128 + 2)
})
