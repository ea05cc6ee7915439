import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { schema } from '../../src/cli/configuration/file/schema.js'
import { temporaryFolder } from '../support/temporary-folder.js'
import { configured, run } from './setup.js'

const ROOT = join(import.meta.dirname, '../..')
const KEY = { command: ['echo', 'v'], expiresIn: 60 }

t.test('dotdog.schema.json is what the source says, and what `dotdog config schema` prints', async (t) => {
  const shipped = readFileSync(join(ROOT, 'dotdog.schema.json'), 'utf8')
  t.same(JSON.parse(shipped), JSON.parse(JSON.stringify(schema)))
  t.match(await run(t, ['config', 'schema']), { code: 0, out: shipped, err: '' })
})

t.test('The schema has only keywords that the validator knows', async (t) => {
  const text = readFileSync(join(ROOT, 'src/cli/configuration/file/schema-node.ts'), 'utf8')
  const known = [...text.matchAll(/readonly (\$?\w+)\?:/g)].map(([, name]) => name!)
  t.ok(known.length > 20)
  const NAMED = ['properties', '$defs']
  const visit = (node: unknown): string[] => {
    if (typeof node !== 'object' || node === null) return []
    if (Array.isArray(node)) return node.flatMap(visit)
    return Object.entries(node).flatMap(([name, part]) => {
      const parts = NAMED.includes(name)
        ? Object.values(part as object)
        : ['enum', 'default', 'examples'].includes(name)
          ? []
          : [part]
      return [...(known.includes(name) ? [] : [name]), ...parts.flatMap(visit)]
    })
  }
  t.same(visit(schema), [])
})

t.test(
  'A configuration is found upward from the working folder, up to the root of the repository or the home folder',
  async (t) => {
    const { folder, path } = configured(t, { keys: { A: KEY } })
    const deep = join(folder, 'a/b/c')
    mkdirSync(deep, { recursive: true })
    t.match(await run(t, ['config', 'check'], { cwd: deep }), { code: 0, out: `${path} is right: 1 keys\n` })
    // Nearer ones win, and comments and trailing commas are allowed in all of them.
    writeFileSync(
      join(folder, 'a/dotdog.config.jsonc'),
      '{ // two\n "keys": { "A": { "command": ["x"], }, /* and */ "B": {"command": ["y"] } }, }',
    )
    t.match(await run(t, ['config', 'check'], { cwd: deep }), { code: 0, out: /a\/dotdog\.config\.jsonc is right: 2 keys/ })
    mkdirSync(join(folder, 'a/b/.git'))
    t.match(await run(t, ['config', 'check'], { cwd: deep }), { code: 2, err: /no dotdog\.config\.json at or above/ })
    t.match(await run(t, ['config', 'check'], { cwd: join(folder, 'a'), env: { HOME: join(folder, 'a') } }), { code: 0 })
    t.match(await run(t, ['config', 'check'], { cwd: join(folder, 'a/b'), env: { HOME: join(folder, 'a/b') } }), { code: 2 })
    t.match(await run(t, ['config', 'check'], { cwd: deep, env: { DOTDOG_CONFIG: path } }), {
      code: 0,
      out: `${path} is right`,
    })
    const both = await run(t, ['config', 'check', '--config', path], { cwd: deep, env: { DOTDOG_CONFIG: '/nowhere' } })
    t.match(both, { code: 0 })
  },
)

t.test('Two configurations in one folder are refused, and both are named', async (t) => {
  const { folder } = configured(t, {})
  writeFileSync(join(folder, 'dotdog.config.mjs'), 'export default {}')
  t.match(await run(t, ['config', 'check'], { cwd: folder }), {
    code: 2,
    err: /has dotdog\.config\.json and dotdog\.config\.mjs: keep one/,
  })
})

t.test('A configuration may be a CommonJS or an ES module', async (t) => {
  const body = `{ keys: { A: ${JSON.stringify(KEY)} } }`
  for (const [name, text] of [
    ['dotdog.config.js', `module.exports = ${body}`],
    ['dotdog.config.cjs', `module.exports = ${body}`],
    ['dotdog.config.mjs', `await null\nexport default ${body}`],
  ] as const) {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, name), text)
    t.match(await run(t, ['get', 'A'], { cwd: folder }), { code: 0, out: 'v\n', err: '' }, name)
    writeFileSync(join(folder, name), text.replace('keys', 'kyes'))
    t.match(await run(t, ['get', 'A'], { cwd: folder }), {
      code: 2,
      err: /unknown option "kyes" of the configuration; did you mean "keys"\?/,
    })
    writeFileSync(join(folder, name), `throw new Error('https://x.example/?secret=do-not-tell')`)
    const failed = await run(t, ['get', 'A'], { cwd: folder })
    t.equal(failed.code, 2)
    t.notMatch(failed.err, /do-not-tell| at /)
  }
})

t.test('A configuration that somebody else can write is refused, with the command that mends it', async (t) => {
  const { folder, path } = configured(t, { keys: { A: KEY } })
  const check = () => run(t, ['get', 'A'], { cwd: folder })
  t.match(await check(), { code: 0 })
  for (const mode of [0o664, 0o646]) {
    chmodSync(path, mode)
    t.match(await check(), { code: 2, out: '', err: /can be written by others \(mode 6\d\d\).*chmod go-w '\// })
  }
  chmodSync(path, 0o600)
  chmodSync(folder, 0o777)
  t.match(await check(), { code: 2, err: /can be written by others \(mode 777\)/ })
  chmodSync(folder, 0o700)
  t.match(await check(), { code: 0 })

  // A link is as safe as the folder that it leads to.
  const linked = temporaryFolder(t)
  symlinkSync(path, join(linked, 'dotdog.config.json'))
  t.match(await run(t, ['get', 'A'], { cwd: linked }), { code: 0 })
  chmodSync(folder, 0o777)
  t.match(await run(t, ['get', 'A'], { cwd: linked }), { code: 2 })
})

t.test('An error names its line and column, and the nearest valid name', async (t) => {
  const { path, write } = configured(t, {})
  const cases: [text: string, ...errors: RegExp[]][] = [
    [
      '{\n  "keys": {\n    "A": { "comand": ["x"] }\n  }\n}',
      /:3:12: unknown option "comand" of keys\.A; did you mean "command"\?/,
    ],
    ['{\n// c\n"dir": 1\n}', /:3:8: dir must be a string that is not empty; got number/],
    ['\ufeff{\r\n"dir":\r\n ""}', /:3:2: dir must be a string that is not empty; got an empty string/],
    ['{ "dir": "x",\n "dir": 2 }', /:2:9: dir must be/],
    ['{ "keys": { "A": {} }\n', /:2:1: is not JSON: a closing } is expected/],
    ['{ "dir": "a" "store": "b" }', /:1:14: is not JSON: a comma is expected/],
    ['', /:1:1: is not JSON: a value is expected/],
    ['[]', /:1:1: the configuration must be an object; got array/],
    ['{ "store": "mongo://h" }', /:1:12: store must be a URL like redis/],
    ['{ "store": "redis://:hunter2hunter2@h" }', /:1:12: store must be .* without a password/],
    ['{ "encryptionKey": "0123456789" }', /:1:20: encryptionKey must be .*not the secret itself/],
    ['{ "__proto__": { "dir": 1 } /**/ }', /:1:3: unknown option of the configuration/],
    [
      '{ "keys": { "A_ACCESS_TOKEN": { "wechat": {\n"appid": "x",\n"appSecret": "s3cret" } } } }',
      /:2:1: unknown option "appid".*did you mean "appId"/,
      /:3:14: keys\.A_ACCESS_TOKEN\.wechat\.appSecret must be .*not the secret itself/,
    ],
  ]
  for (const [text, ...errors] of cases) {
    write(text)
    const { code, out, err } = await run(t, ['config', 'check', '--config', path])
    t.equal(code, 2, err)
    t.equal(out, '')
    for (const error of errors) t.match(err, error)
    t.notMatch(err, /s3cret|hunter2|0123456789| {4}at /)
  }
})

t.test('`config check` finds a secret that is not there, and every command names only the first mistake', async (t) => {
  const account = (appSecret: object) => ({ wechat: { appId: 'wx1', appSecret } })
  const { path, write } = configured(t, {
    keys: { A_ACCESS_TOKEN: account({ env: 'NOT_THERE' }), B_ACCESS_TOKEN: account({ file: 'nowhere' }) },
  })
  const { code, err } = await run(t, ['config', 'check', '--config', path])
  t.equal(code, 2)
  t.match(err, /the environment has no NOT_THERE/)
  t.match(err, /nowhere cannot be read \(ENOENT\)/)
  t.match(err, /has 2 problems/)
  write('{ "kyes": 1, "dri": 2 }')
  t.match(await run(t, ['status', '--config', path]), { code: 2, err: /"kyes".*\n1 more: dotdog config check names all\.\n$/s })
})

t.test('The folder is --dir, that of the configuration, DOTDOG_DIR, the nearest .dog, or the one of the account', async (t) => {
  const { folder, write } = configured(t, { keys: { A: KEY } })
  const place = async (args: string[], cwd: string, env: Record<string, string> = {}) => {
    const { code, out, err } = await run(t, ['status', '--json', ...args], { cwd, env })
    return code === 0 ? (JSON.parse(out)[0]?.dir ?? out) : `${code}: ${err}`
  }
  const deep = join(folder, 'x/y')
  mkdirSync(deep, { recursive: true })
  t.equal(await place([], deep), join(folder, '.dog'), 'beside the configuration')
  t.equal(await place([], deep, { DOTDOG_DIR: '/elsewhere' }), join(folder, '.dog'))
  write(JSON.stringify({ dir: 'd', keys: { A: KEY } }))
  t.equal(await place([], deep), join(folder, 'd'), 'the configuration names it')
  t.equal(await place(['--dir', 'here'], deep), join(deep, 'here'), '--dir is first')

  const plain = temporaryFolder(t)
  const within = join(plain, 'a/b')
  mkdirSync(within, { recursive: true })
  mkdirSync(join(plain, '.dog'), { mode: 0o700 })
  const value = { cwd: plain, env: { DOTDOG_DIR: join(plain, 'other') } }
  t.match(await run(t, ['status'], value), { code: 0, out: `There are no keys in ${join(plain, 'other')}\n` })
  t.match(await run(t, ['status'], { cwd: within }), { code: 0, out: `There are no keys in ${join(plain, '.dog')}\n` })

  const nowhere = await run(t, ['get', 'A'], { cwd: temporaryFolder(t), env: { HOME: '/nowhere' } })
  t.match(nowhere, { code: 2, out: '', err: /no configuration and no \.dog folder at or above \/.*DOTDOG_DIR/ })
  const account = { HOME: '/nowhere', WX_APPID: 'wx0123', WX_APPSECRET: 's3cret', XDG_STATE_HOME: join(plain, 'state') }
  t.equal(await place([], temporaryFolder(t), account), join(plain, 'state/dotdog/wx0123'))
  t.match(await place([], temporaryFolder(t), { ...account, WX_APPID: '../../x' }), /^2: dotdog: WX_APPID/)
})
