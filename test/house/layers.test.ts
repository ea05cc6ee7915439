import t from 'tap'
import { filesOf, type Import, importsOf, textOf } from './source.js'

/**
 * The layers of the source, from the top. A file may import from lower layers only: never from its own, never upwards. A
 * folder stands for all its files, among which only circles are forbidden.
 */
const LAYERS: string[][] = [
  ['demo/', 'cli/'],
  ['server/'],
  ['wechat/', 'fetchers/', 'testing/', 'stores/suite.ts', 'stores/redis/', 'stores/postgres/', 'stores/remote/'],
  ['stores/suite/', 'stores/network/'],
  ['index.ts'],
  ['dog.ts'],
  ['entry.ts', 'status.ts'],
  ['recheck.ts', 'write.ts'],
  ['keeper.ts'],
  ['rules.ts', 'claim.ts', 'hot.ts'],
  [
    ...['fetch.ts', 'goal.ts', 'failure.ts', 'memory.ts', 'options.ts', 'cycles.ts', 'auto.ts', 'events.ts', 'debug.ts'],
    'key.ts',
  ],
  ['use.ts', 'shelf.ts', 'strangers.ts', 'timer.ts'],
  ['stores/memory.ts', 'stores/sealed.ts', 'stores/file/store.ts'],
  ['stores/file/lease.ts'],
  ['reader.ts', 'lockfile.ts', 'ledger.ts', 'watch.ts', 'wake.ts'].map((name) => `stores/file/${name}`),
  ['stores/file/lock.ts'],
  ['stores/file/folder.ts', 'stores/file/liveness.ts'],
  ['stores/file/names.ts', 'stores/file/io.ts'],
  ['answer.ts'],
  ['lifetime.ts'],
  ['seal.ts'],
  ['policy.ts', 'record.ts'],
  ['errors.ts'],
  ['redact.ts', 'clock.ts', 'follow.ts', 'steps.ts', 'host.ts'],
]

/** These are users of the package: they know it by its name. */
const FRONT = /^src\/(demo|cli|server|wechat|fetchers|testing|stores\/(suite|network|redis|postgres|remote))(\/|\.ts$)/
/** Pure, so that a sub-path may hold a copy: what a record is, the clock, and who follows a signal. */
const SHARED = ['src/record.ts', 'src/clock.ts', 'src/follow.ts']

/** Each outside package has one importer, by import() inside a function: loading dotdog loads none of them. */
const PACKAGES = ['proper-lockfile', 'undici', 'oauth4webapi', 'ioredis', 'pg', 'find-my-way']

const files = filesOf('src', /\.ts$/)
const imports = new Map(files.map((file) => [file, importsOf(file)]))

function layerOf(path: string): number {
  const name = path.replace(/^src\//, '')
  return LAYERS.findIndex((layer) => layer.some((member) => (member.endsWith('/') ? name.startsWith(member) : name === member)))
}

const folderOf = (path: string): string | undefined =>
  LAYERS.flat().find((member) => member.endsWith('/') && path.startsWith(`src/${member}`))

/** What is wrong with one import. */
function fault(file: string, { from, file: target }: Import): string | undefined {
  if (target === undefined || target === 'index.d.ts') return undefined
  if (folderOf(file) !== undefined && folderOf(file) === folderOf(target)) return undefined
  if (layerOf(target) < 0) return `${file} → ${from}: in no layer`
  if (layerOf(target) <= layerOf(file)) return `${file} → ${target}: not downward`
  return FRONT.test(file) && !FRONT.test(target) && !SHARED.includes(target)
    ? `${file} → ${target}: it should know the package by its name`
    : undefined
}

/** A circle among files, if there is one. */
function circle(edges: Map<string, string[]>): string[] | undefined {
  const done = new Set<string>()
  const search = (at: string, path: string[]): string[] | undefined => {
    if (path.includes(at)) return [...path.slice(path.indexOf(at)), at]
    if (done.has(at)) return undefined
    for (const next of edges.get(at) ?? []) {
      const found = search(next, [...path, at])
      if (found !== undefined) return found
    }
    done.add(at)
    return undefined
  }
  for (const start of edges.keys()) {
    const found = search(start, [])
    if (found !== undefined) return found
  }
  return undefined
}

t.test('every file of the source is in one layer, and every layer has files', async (t) => {
  for (const file of files) t.ok(layerOf(file) >= 0, file)
  for (const member of LAYERS.flat()) {
    t.ok(
      files.some((file) => file.startsWith(`src/${member}`)),
      member,
    )
  }
})

t.test('imports point strictly downward', async (t) => {
  for (const [file, all] of imports) t.same(all.map((one) => fault(file, one)).filter(Boolean), [], file)
})

t.test('no circle, types included', async (t) => {
  const edges = new Map([...imports].map(([file, all]) => [file, all.flatMap((one) => one.file ?? [])]))
  t.equal(circle(edges), undefined)
  t.same(
    circle(
      new Map([
        ['a', ['b']],
        ['b', ['c', 'd']],
        ['d', ['b']],
      ]),
    ),
    ['b', 'd', 'b'],
    'one would be found',
  )
})

t.test('an import upwards, sideways or past the front door would be found', async (t) => {
  const of = (file: string, text: string) =>
    importsOf(file, text)
      .map((one) => fault(file, one))
      .filter(Boolean).length
  t.equal(of('src/keeper.ts', "import { Entry } from './entry.js'"), 1)
  t.equal(of('src/keeper.ts', "import type { Entry } from './entry.js'"), 1)
  t.equal(of('src/goal.ts', "export { x } from './fetch.js'"), 1)
  t.equal(of('src/goal.ts', "type X = import('./fetch.js').Run"), 1)
  t.equal(of('src/policy.ts', "const f = () => import('./record.js')"), 1)
  t.equal(of('src/stores/memory.ts', "import { x } from '../keeper.js'"), 1)
  t.equal(of('src/stores/file/io.ts', "import { x } from './names.js'"), 1)
  t.equal(of('src/wechat/call.ts', "import { DogError } from '../errors.js'"), 1)
  t.equal(of('src/testing/fake.ts', "import { x } from '../wechat/codes.js'"), 1)
  t.equal(of('src/entry.ts', "import { x } from './nowhere.js'"), 1)
  t.equal(of('src/entry.ts', "import type { Dog } from '../index.js'\nimport { now } from './clock.js'"), 0)
})

t.test('stores know nothing of the engine', async (t) => {
  const below = files.filter((file) => file.startsWith('src/stores/') && !FRONT.test(file))
  t.ok(below.length > 10)
  for (const file of below) {
    for (const { file: target } of imports.get(file)!) {
      t.ok(
        target === undefined || /^(index\.d\.ts|src\/(stores\/|record|seal|errors|clock|host|steps))/.test(target),
        `${file} → ${target}`,
      )
    }
  }
})

t.test('front ends know the package by its name', async (t) => {
  for (const file of files.filter((file) => FRONT.test(file))) {
    t.same(
      imports.get(file)!.filter(({ file: target }) => target !== undefined && !FRONT.test(target) && !SHARED.includes(target)),
      [],
      file,
    )
  }
})

t.test('in the engine one file imports node:fs', async (t) => {
  const importers = files.filter(
    (file) => !FRONT.test(file) && imports.get(file)!.some(({ from }) => /^(node:)?fs(\/|$)/.test(from)),
  )
  t.same(importers, ['src/stores/file/io.ts'])
})

t.test('outside packages are those that are meant, each imported by one file when it is needed', async (t) => {
  const outside = new Map<string, Set<string>>()
  for (const [file, all] of imports) {
    for (const { from, file: target, isType, isLazy } of all) {
      if (target !== undefined || from.startsWith('node:') || /^dotdog(\/|$)/.test(from)) continue
      outside.set(from, (outside.get(from) ?? new Set()).add(file))
      t.ok(isLazy || isType, `${file} imports ${from} inside a function`)
    }
  }
  t.same([...outside.keys()].sort(), [...PACKAGES].sort())
  for (const [name, by] of outside) t.equal(by.size, 1, `${name}: ${[...by]}`)
})

t.test("in the engine all time comes from the clock, which a user's fake timers do not reach", async (t) => {
  const time = /\b(Date\.now|new Date\(\)|performance\.now|set(Timeout|Interval|Immediate)|clear(Timeout|Interval))\(/
  const users = files.filter((file) => !FRONT.test(file) && time.test(textOf(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')))
  t.same(users, ['src/clock.ts'])
})
