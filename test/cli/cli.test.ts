import { createHash } from 'node:crypto'
import t from 'tap'
import { run } from './setup.js'

t.test('--help and --version write to standard output', async (t) => {
  for (const args of [['--help'], ['-h'], ['serve', '--help'], ['token', '-h']]) {
    const { code, out, err } = await run(t, args)
    t.equal(code, 0)
    t.match(out, /dotdog serve/)
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
  t.match(entry, { name: 'shop', keys: ['*'], refresh: true, proxy: false })
  t.equal(entry.tokenSha256, createHash('sha256').update(out.trim()).digest('hex'))
  t.notMatch(err, new RegExp(out.trim()))
  t.not((await run(t, ['token', 'shop'])).out, out)
})
