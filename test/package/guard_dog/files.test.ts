import { spawn } from 'node:child_process'
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import dotdog from '../../../src/core/index.js'
import { fixture, temporary } from '../../support/children.js'

/** The text of a file that guard_dog 3.1.4 writes. */
const written = (data: unknown, ageSeconds = 10, expires_in: unknown = 7200) =>
  JSON.stringify({ data, expires_in, gen_time: Date.now() - ageSeconds * 1000, dir: '', ahead: 2 })

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

const setUp = (t: Test) => {
  const dir = temporary((end) => t.teardown(end))
  const dog = dotdog.createDog({ dir })
  t.teardown(() => dog.close())
  let loads = 0
  dog.init('ABC', (handler) => handler(`new ${++loads}`, 60))
  return { dir, dog, file: join(dir, 'ABC.dog'), loads: () => loads }
}

t.test('A guard_dog file in the given folder is used without a fetch', async (t) => {
  const { dog, file, loads } = setUp(t)
  const text = written('old')
  writeFileSync(file, text)
  t.equal(await dog.get('ABC'), 'old')
  t.equal(dog.peek('ABC')?.value, 'old')
  t.equal(loads(), 0)
  t.equal(readFileSync(file, 'utf8'), text, 'reading does not change the file')
})

t.test('Every value that guard_dog could store is used, and its lifetime may be a string', async (t) => {
  for (const data of ['text', 0, 12, false, ['list'], { access_token: 'x', scope: ['a'] }]) {
    const { dog, file, loads } = setUp(t)
    writeFileSync(file, written(data, 10, '7200'))
    t.same(await dog.get('ABC'), data)
    t.equal(loads(), 0)
  }
})

t.test('A refresh replaces the guard_dog file by a record of format 1', async (t) => {
  const { dog, file, loads } = setUp(t)
  writeFileSync(file, written('old'))
  const before = dog.peek('ABC')?.generation ?? 0
  t.equal(await dog.refresh('ABC', { rejected: 'old' }), 'new 1')
  t.equal(loads(), 1)
  const record = read(file)
  t.match(record, { dotdog: 1, key: 'ABC', value: 'new 1' })
  t.ok(record.generation > before, 'its generation is higher than that of the file')
  t.notOk('data' in record || 'gen_time' in record || 'dir' in record)
})

t.test('An expired guard_dog file is replaced by one fetch', async (t) => {
  const { dog, file, loads } = setUp(t)
  writeFileSync(file, written('old', 7201))
  t.same(await Promise.all([dog.get('ABC'), dog.get('ABC')]), ['new 1', 'new 1'])
  t.equal(loads(), 1)
  t.match(read(file), { dotdog: 1, value: 'new 1' })
})

/** Runs a program that gives no folder, with `cwd` as its working and home folder. */
async function work(cwd: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [fixture('guard_dog/working.cjs')], {
    cwd,
    // Names the default folder, because the script is part of another project. The working folder is tested.
    env: { PATH: process.env.PATH, HOME: cwd, DOTDOG_DIR: join(cwd, '.dog'), ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  const code = await new Promise((resolve) => child.once('close', resolve))
  return { code, ...JSON.parse(out) }
}

t.test('A guard_dog file in the working folder is used if no folder is given', async (t) => {
  const cwd = realpathSync(temporary((end) => t.teardown(end)))
  writeFileSync(join(cwd, 'ABC.dog'), written('old'))
  t.match(await work(cwd), { code: 0, value: 'old', loads: 0 })
  t.match(await work(cwd, { REFRESH: '1' }), { code: 0, value: 'old', loads: 1, refreshed: 'new 1' })
  t.match(read(join(cwd, '.dog/ABC.dog')), { dotdog: 1, key: 'ABC', value: 'new 1' })
  t.match(await work(cwd), { code: 0, value: 'new 1', loads: 0 }, 'the new record is used from then on')
})

t.test('An expired guard_dog file in the working folder is not served', async (t) => {
  const cwd = realpathSync(temporary((end) => t.teardown(end)))
  writeFileSync(join(cwd, 'ABC.dog'), written('old', 9000))
  t.match(await work(cwd), { code: 0, value: 'new 1', loads: 1 })
})

t.test('A guard_dog file in the working folder is ignored if a folder is given', async (t) => {
  const cwd = temporary((end) => t.teardown(end))
  const { dog, loads } = setUp(t)
  const before = process.cwd()
  writeFileSync(join(cwd, 'ABC.dog'), written('old'))
  process.chdir(cwd)
  t.teardown(() => process.chdir(before))
  t.equal(await dog.get('ABC'), 'new 1')
  t.equal(loads(), 1)
})

t.test('A removed guard_dog value does not come back', async (t) => {
  const { dog, file, loads } = setUp(t)
  writeFileSync(file, written('old'))
  t.equal(await dog.remove('ABC'), true)
  t.notOk(existsSync(file))
  t.equal(await dog.get('ABC'), 'new 1')
  t.equal(loads(), 1)
})
