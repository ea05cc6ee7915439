import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import t from 'tap'
import { until } from '../../support/timing.js'
import { built, run, start } from '../setup.js'
import { withValue } from './setup.js'

const require = createRequire(import.meta.url)
const { createDog }: typeof import('../../../index.js') = require(built)
// Each change would wait for a disk several times.
if (existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm'

t.test('A reader in a loop sees no torn and no empty file in 10,000 changes', { timeout: 110_000 }, async (t) => {
  const changes = 10_000
  const repeats = 400
  const { args, dir, out, read } = await withValue(t, '{{ key "K" }}\n'.repeat(repeats))
  await run(t, args())
  const watching = start(t, args('--watch'))
  const dog = createDog({ dir })
  t.teardown(() => dog.close())
  const reader = spawn(process.execPath, [
    '-e',
    `const { readFileSync } = require('node:fs')
     let reads = 0, torn = 0, versions = new Set()
     process.on('SIGTERM', () => { console.log(JSON.stringify({ reads, torn, versions: versions.size })); process.exit() })
     const readAgain = () => {
       for (let round = 0; round < 50; round++) {
         const lines = readFileSync(process.argv[1], 'utf8').split('\\n')
         reads++
         versions.add(lines[0])
         if (lines.length !== ${repeats + 1} || lines.pop() !== '' || lines.some((line) => line !== lines[0] || line === '')) torn++
       }
       setImmediate(readAgain)
     }
     readAgain()`,
    out,
  ])
  t.teardown(() => reader.kill('SIGKILL'))
  let report = ''
  let failure = ''
  reader.stdout.on('data', (chunk) => (report += chunk))
  reader.stderr.on('data', (chunk) => (failure += chunk))
  const closed = once(reader, 'close')
  for (let change = 1; change <= changes; change++)
    await dog.set('K', `value-${change}-${'x'.repeat(change % 90)}`, { expiresIn: 600 })
  await until(() => read() === `value-${changes}-${'x'.repeat(changes % 90)}\n`.repeat(repeats))
  reader.kill('SIGTERM')
  await closed
  t.equal(failure, '')
  const { reads, torn, versions } = JSON.parse(report) as { reads: number; torn: number; versions: number }
  t.comment(`${reads} reads, ${versions} versions`)
  t.equal(torn, 0)
  t.ok(versions > 100, `${versions} versions were seen`)
  watching.child.kill('SIGTERM')
  t.same([await watching.exited, watching.out(), watching.err()], ['SIGTERM', '', ''])
})
