import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start, temporary } from '../support/children.js'
import { command, install, root, tool } from './setup.js'

const { consumer } = await install(t)
const copyFixture = (name: string, as = name): string => {
  const path = join(consumer, as)
  copyFileSync(join(import.meta.dirname, 'fixtures', name), path)
  return path
}

async function outputOf(t: Test, name: string): Promise<Record<string, unknown>> {
  const { code, out, err } = await start(copyFixture(name), { DOTDOG_DIR: temporary((end) => t.teardown(end)) }).exited
  t.equal(code, 0, err)
  t.equal(err, '')
  return JSON.parse(out)
}

const names = [
  'DogError',
  'close',
  'createDog',
  'fileStore',
  'forget',
  'get',
  'init',
  'isDogError',
  'memoryStore',
  'off',
  'on',
  'peek',
]
names.push('refresh', 'remove', 'set', 'status', 'use')

t.test('require and import return the same object, and the sub-paths share its state', async (t) => {
  const found = await outputOf(t, 'one.cjs')
  t.equal(found.isOne, true)
  t.equal(found.sub, true)
  t.same(
    names.filter((name) => !(found.named as string[]).includes(name)),
    [],
  )
  t.equal(found.seen, 'a token', 'a key of dotdog/wechat is visible to require("dotdog")')
  t.ok((found.keys as string[]).includes('ACCESS_TOKEN'), 'and in its status')
  t.ok((found.testing as string[]).includes('fakeWeChat'))
  t.equal(found.suite, 'object')
})

t.test('An ES module can import every name', async (t) => {
  t.same(await outputOf(t, 'named.mjs'), { same: true, others: true, value: 'a value', peeked: 'a value' })
})

for (const [kind, type] of [
  ['a CommonJS module', 'cts'],
  ['an ES module', 'mts'],
] as const) {
  t.test(`A consumer in strict TypeScript compiles as ${kind}`, async (t) => {
    const file = copyFixture('consumer.ts', `consumer.${type}`)
    const config = join(consumer, `tsconfig.${type}.json`)
    // skipLibCheck is off, so that our own declarations are checked too.
    const compilerOptions = {
      ...{ module: 'node16', target: 'es2022', strict: true, noEmit: true, skipLibCheck: false },
      ...{ exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      ...{ types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
    }
    writeFileSync(config, JSON.stringify({ compilerOptions, files: [file] }))
    t.equal(await command(consumer, tool('tsc'), '-p', config), '')
  })
}
