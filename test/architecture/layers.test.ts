import { dirname } from 'node:path'
import t from 'tap'
import { filesOf, type Import, importsOf, textOf } from './source.js'

/** The floors, from the top, as src/README.md lists them: `* \`folder/\` — what it is`. */
const FLOORS = [...textOf('src/README.md').matchAll(/^\* `(.+?)\/` — /gm)].map(([, name]) => `src/${name}`)

/** Folders that others may import by path; every other folder under src/ is known by its package name. */
const SHARED_FOLDERS = ['src/core/shared', 'src/core/shared/upstream', 'src/database']

/** Each outside package has one importer, by import() inside a function: loading dotdog loads none of them. */
const PACKAGES = [
  'proper-lockfile',
  'undici',
  'oauth4webapi',
  'ioredis',
  'pg',
  'mysql2',
  'find-my-way',
  'chokidar',
  'jsonc-parser',
  'write-file-atomic',
]

const files = filesOf('src', /\.ts$/)
const imports = new Map(files.map((file) => [file, importsOf(file)]))
const isCore = (file: string): boolean => file.startsWith('src/core/')
const topFolder = (file: string): string => file.split('/').slice(0, 2).join('/')

/** The folder that an import leads to, also where it names a sub-path of the package. */
function targetFolder({ from, file }: Import): string | undefined {
  if (file !== undefined) return file.endsWith('.d.ts') ? undefined : dirname(file)
  const match = /^dotdog(?:\/(.+))?$/.exec(from)
  if (match === null || match[1] === 'package.json') return undefined
  return `src/${match[1] ?? 'core'}`
}

/** The rule that an import breaks; undefined where it breaks none. */
function fault(file: string, one: Import): string | undefined {
  const target = targetFolder(one)
  const folder = dirname(file)
  if (target === undefined || target === folder) return undefined
  const [from, to] = [FLOORS.indexOf(folder), FLOORS.indexOf(target)]
  if (from < 0 || to < 0) return `${file} → ${one.from}: on no floor of src/README.md`
  if (to <= from) return `${file} → ${one.from}: not downward`
  if (one.file === undefined || topFolder(one.file) === topFolder(file) || SHARED_FOLDERS.includes(target)) return undefined
  return `${file} → ${one.file}: it should know the package by its name`
}

/** The files of a circle of imports; undefined where there is none. */
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

t.test('src/README.md lists every folder of the source that has files, and no other', async (t) => {
  t.same([...new Set(files.map((file) => dirname(file)))].sort(), [...FLOORS].sort())
})

t.test('Every import leads to a lower floor of src/README.md or stays inside its folder', async (t) => {
  for (const [file, all] of imports) t.same(all.map((one) => fault(file, one)).filter(Boolean), [], file)
})

t.test('No files of the source import each other in a circle, not even types', async (t) => {
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
    'the check finds a planted circle',
  )
})

t.test(
  'The check finds an import that leads upwards, sideways, past the package name, or from an unlisted folder',
  async (t) => {
    const faults = (file: string, text: string) =>
      importsOf(file, text)
        .map((one) => fault(file, one))
        .filter(Boolean).length
    t.equal(faults('src/core/fetch/coordinator.ts', "import { KeyHandle } from '../key/key-handle.js'"), 1)
    t.equal(faults('src/core/fetch/coordinator.ts', "import type { KeyHandle } from '../key/key-handle.js'"), 1)
    t.equal(faults('src/core/stores/memory-store.ts', "export { x } from '../fetch/run-fetcher.js'"), 1)
    t.equal(faults('src/core/model/failure-backoff.ts', "type X = import('../fetch/run-fetcher.js').X"), 1)
    t.equal(faults('src/core/model/failure-backoff.ts', "const f = () => import('../stores/memory-store.js')"), 1)
    t.equal(faults('src/wechat/push/answer.ts', "import { x } from '../wechat.js'"), 1)
    t.equal(faults('src/wechat/api/call.ts', "import { DogError } from '../../core/model/errors.js'"), 1)
    t.equal(faults('src/redis/store.ts', "import { x } from 'dotdog/server'"), 1)
    t.equal(faults('src/nowhere/store.ts', "import { x } from 'dotdog'"), 1)
    t.equal(faults('src/core/key/key-handle.ts', "import type { Dog } from '../../../index.js'\nimport { x } from './x.js'"), 0)
    t.equal(faults('src/redis/index.ts', "import { createDog } from 'dotdog'\nimport { x } from '../database/store.js'"), 0)
  },
)

t.test('Exactly one file of the engine imports node:fs', async (t) => {
  const importers = files.filter(
    (file) => isCore(file) && imports.get(file)!.some(({ from }) => /^(node:)?fs(\/|$)/.test(from)),
  )
  t.same(importers, ['src/core/stores/file/fs.ts'])
})

t.test('The source imports only the listed packages, each in one file and only when it is needed', async (t) => {
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

t.test("The engine takes all its time from its clock, which a user's fake timers do not reach", async (t) => {
  const time = /\b(Date\.now|new Date\(\)|performance\.now|set(Timeout|Interval|Immediate)|clear(Timeout|Interval))\(/
  const users = files.filter((file) => isCore(file) && time.test(textOf(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')))
  t.same(users, ['src/core/shared/clock.ts'])
})
