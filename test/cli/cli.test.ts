import { createHash } from 'node:crypto'
import t from 'tap'
import { run } from './setup.js'

t.test('--help and --version write to standard output', async (t) => {
  for (const [args, shown] of [
    [['--help'], /^ {2}serve {2}/m],
    [['-h'], /^ {2}serve {2}/m],
    [['serve', '--help'], /^dotdog serve\n/],
    [['token', '-h'], /^dotdog token CLIENT\n/],
  ] as const) {
    const { code, out, err } = await run(t, [...args])
    t.equal(code, 0)
    t.match(out, shown)
    t.equal(err, '')
  }
  t.match(await run(t, ['--version']), { code: 0, out: /^\d+\.\d+\.\d+\n$/, err: '' })
})

t.test('Wrong usage exits with code 2 and repeats no argument, which may be a secret', async (t) => {
  for (const args of [
    [],
    ['s3cret-in-the-wrong-place'],
    ['toString'],
    ['serve', '--nope'],
    ['serve', 's3cret-in-the-wrong-place'],
    ['token'],
    ['token', 'a b'],
    ['token', 'a', 'b'],
  ]) {
    const { code, out, err } = await run(t, args)
    t.equal(code, 2, args.join(' '))
    t.equal(out, '')
    t.match(err, /^dotdog: .+\nTry dotdog --help\.\n$/s)
  }
  t.notMatch((await run(t, ['s3cret-in-the-wrong-place'])).err, /s3cret/)
})

t.test('dotdog token prints the token on standard output and the configuration entry on standard error', async (t) => {
  const { code, out, err } = await run(t, ['token', 'shop'])
  t.equal(code, 0)
  t.match(out, /^[\w-]{43}\n$/)
  const entry = JSON.parse(err.slice(err.indexOf('{')))
  const tokenSha256 = createHash('sha256').update(out.trim()).digest('hex')
  t.same(entry, { name: 'shop', tokenSha256, keys: ['NAME_OF_A_KEY'] })
  t.notMatch(err, new RegExp(out.trim()))
  t.not((await run(t, ['token', 'shop'])).out, out)
})

t.test('dotdog token gives the least rights; --keys, --refresh and --proxy ask for more', async (t) => {
  const entryOf = async (...args: string[]) => {
    const { code, err } = await run(t, ['token', 'shop', ...args])
    t.equal(code, 0, err)
    const { tokenSha256, ...entry } = JSON.parse(err.slice(err.indexOf('{')))
    return entry
  }
  t.same(await entryOf('--keys', 'A,WX_*', '--keys', 'B'), { name: 'shop', keys: ['A', 'WX_*', 'B'] })
  t.same(await entryOf('--keys', '*', '--refresh', '--proxy'), { name: 'shop', keys: ['*'], refresh: true, proxy: true })
  t.match(await run(t, ['token', 'shop', '--keys', 'A,']), { code: 2, out: '', err: /--keys takes names/ })
})
