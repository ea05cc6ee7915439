// What file systems lack that are not local disks: notices of changes, modes; and a faked clock.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog } from '../support/test-dog.js'
import { until } from '../support/timing.js'

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)

function startListener(t: Test, dir: string) {
  const child = start(fixture('deaf-watcher.cjs'), { DIR: dir })
  t.teardown(() => child.process.kill('SIGKILL'))
  let out = ''
  child.process.stdout!.on('data', (chunk) => (out += chunk))
  return () => out
}

t.test('Changes are noticed where no watcher of the system reports them', async (t) => {
  const dir = temporaryFolder(t)
  const dog = createDog({ dir })
  t.teardown(() => dog.close())
  await dog.set('KNOWN', 'v1', { expiresIn: 60 })
  const output = startListener(t, dir)
  await until(() => output().includes('ready'))
  const changes = (key: string) => output().split(`"key":"${key}"`).length - 1
  for (const key of ['KNOWN', 'MISSING', 'KNOWN']) {
    const before = changes(key)
    await dog.set(key, `v${before}`, { expiresIn: 60 })
    await until(() => changes(key) > before, { what: `a change of ${key}` })
  }
  const before = changes('KNOWN')
  await dog.remove('KNOWN')
  await until(() => changes('KNOWN') > before, { what: 'the removal' })
  t.pass()
})

t.test('A file system without modes is a warning, once', { skip: process.getuid === undefined }, async (t) => {
  const { out, err } = await start(fixture('no-modes.cjs'), { DIR: temporaryFolder(t) }).exited
  const { warnings } = JSON.parse(out || err) as { warnings: { code: string; message: string }[] }
  t.match(warnings, [{ code: 'ERR_DOG_STORE', message: /others may read its files \(0755, not 0600\)/ }])
  t.equal(warnings.length, 1)
})

t.test(
  'A process whose monotonic clock is faked is judged by its heartbeat',
  { skip: process.platform !== 'linux' && 'there is no libfaketime' },
  async (t) => {
    const dir = temporaryFolder(t)
    const scopeOf = async (env: Record<string, string>) => {
      const { out } = await start(fixture('process-scope.cjs'), { DIR: dir, ...env }).exited
      return (JSON.parse(out) as { processScope: string }).processScope
    }
    // The loader only complains of a library that does not exist.
    const faked = { LD_PRELOAD: '/does/not/exist/libfaketime.so.1' }
    const real = await scopeOf({})
    t.match(real, /^[0-9a-f]{16}$/)
    t.not(await scopeOf(faked), real)
    t.equal(await scopeOf({ ...faked, FAKETIME_DONT_FAKE_MONOTONIC: '1' }), real)
  },
)
