// dotdog import, and dotdog get --as, as programs.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { program, run } from '../setup.js'

const TOKEN = 'invented-token-of-the-test'
const soon = () => Date.now() + 3_600_000

t.test('a file is imported after a yes, with its end', async (t) => {
  const folder = temporaryFolder(t)
  const dir = join(folder, 'd')
  const file = join(folder, 'access_token.txt')
  const expireTime = soon()
  writeFileSync(file, JSON.stringify({ accessToken: TOKEN, expireTime }))
  const args = ['import', file, '--dir', dir]
  t.match(await run(t, args), { code: 2, err: /no terminal to ask at: give --yes/ })
  t.same(await run(t, [...args, '--yes', '--prefix', 'SHOP_']), { code: 0, out: 'SHOP_ACCESS_TOKEN\n', err: '' })
  const { value, expiresAt } = JSON.parse(readFileSync(join(dir, 'SHOP_ACCESS_TOKEN.dog'), 'utf8'))
  t.same([value, expiresAt], [TOKEN, expireTime])
})

t.test('what is over or unknown is not imported, and neither the file nor its name is shown', async (t) => {
  const folder = temporaryFolder(t)
  const name = 'official_account.access_token.wx1.S3cret.0.cache'
  const file = join(folder, name)
  const importIt = (text: string) => {
    writeFileSync(file, text)
    return run(t, ['import', file, '--dir', join(folder, 'd'), '--yes'])
  }
  const results = [
    await importIt(JSON.stringify({ data: TOKEN, lifeTime: 1_600_000_000 })),
    await importIt(JSON.stringify({ access_token: TOKEN, expires_in: 7200 })),
    await importIt(TOKEN),
    await run(t, ['import', join(folder, 'S3cret'), '--yes']),
    await run(t, ['import', '--yes']),
  ]
  t.same(
    results.map(({ code }) => code),
    [1, 2, 2, 2, 2],
  )
  t.match(results[0]!.err, /of node-easywechat are over/)
  for (const { out, err } of results) t.notMatch(out + err, /S3cret|invented-token/)
})

t.test('git gets a value by `get --as git`', async (t) => {
  const folder = temporaryFolder(t)
  const dir = join(folder, 'd')
  await run(t, ['set', 'HUB', '--dir', dir], { input: TOKEN })
  const helper = `!'${process.execPath}' '${program}' get HUB --as git --dir '${dir}'`
  const args = ['-c', 'credential.helper=', '-c', `credential.helper=${helper}`, 'credential']
  const env = { PATH: process.env.PATH, HOME: folder, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' }
  const ask = (word: string, input: string) => spawnSync('git', [...args, word], { env, input, encoding: 'utf8' })
  t.match(ask('fill', 'protocol=https\nhost=git.example.com\n\n').stdout, `username=x-access-token\npassword=${TOKEN}\n`)
  t.equal(ask('approve', `protocol=https\nhost=h\nusername=u\npassword=p\n\n`).status, 0)
  t.match(await run(t, ['get', 'HUB', '--as', 'header', '--dir', dir]), { code: 0, out: `Authorization: Bearer ${TOKEN}\n` })
  t.match(await run(t, ['get', 'HUB', '--as', 'netrc', '--dir', dir]), { code: 2, err: /needs --host/ })
  t.match(await run(t, ['get', 'HUB', '--as', 'heder', '--dir', dir]), { code: 2, err: /did you mean "header"/ })
})
